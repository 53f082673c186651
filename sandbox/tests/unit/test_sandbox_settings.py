from pathlib import Path

import pytest

from sandbox.errors import BadSetting
from sandbox.settings import Settings


def test_everything_has_a_default() -> None:
    assert Settings.from_env({}) == Settings()


def test_ports_follow_each_other_or_are_free() -> None:
    assert [Settings(port=18100).port_of(offset) for offset in range(3)] == [18100, 18101, 18102]
    assert Settings(port=0).port_of(2) == 0


def test_the_wms_can_live_in_another_database() -> None:
    settings = Settings.from_env({"SANDBOX_WMS_URL": "postgresql+psycopg://host/wms", "SANDBOX_DATA": "/data"})
    assert settings.database_url("wms") == "postgresql+psycopg://host/wms"
    assert settings.database_url("erp") == "sqlite:////data/erp.sqlite"
    assert settings.data == Path("/data")


@pytest.mark.parametrize("value", ["often", "-1", "1.5"])
def test_a_value_that_cannot_be_used_is_named(value: str) -> None:
    with pytest.raises(BadSetting, match="SANDBOX_PORT"):
        Settings.from_env({"SANDBOX_PORT": value})
