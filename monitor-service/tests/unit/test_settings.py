"""The monitor's settings."""

import pytest

from monitor_service.settings import Settings
from service_kit.settings import SettingsError

NEEDED = {
    "DATABASE_URL": "sqlite:///m.sqlite",
    "BROKER_URL": "sqlite:///q.sqlite",
    "COORDINATOR_URL": "http://coordinator:8080",
    "INTERNAL_TOKEN": "secret",
}


def test_they_come_from_the_environment_with_defaults() -> None:
    settings = Settings.from_env({**NEEDED, "BIND": "127.0.0.1:0", "DIGEST_INTERVAL": "5"})

    assert (settings.address, settings.digest_interval) == (("127.0.0.1", 0), 5.0)
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_key_is_named(missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        Settings.from_env({key: value for key, value in NEEDED.items() if key != missing})
