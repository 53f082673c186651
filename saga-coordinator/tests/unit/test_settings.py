import pytest

from saga_coordinator.settings import Settings
from service_kit.settings import SettingsError

REQUIRED = {"DATABASE_URL": "sqlite:///a", "BROKER_URL": "sqlite:///a"}


def test_missing_settings_are_named_all_at_once() -> None:
    # when
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({})

    # then
    assert raised.value.missing == ["DATABASE_URL", "BROKER_URL"]


def test_one_coordinator_prefers_no_lane() -> None:
    # when
    settings = Settings.from_env(REQUIRED)

    # then
    assert settings.own_lanes == frozenset()


def test_coordinators_share_the_lanes_by_the_number_at_the_end_of_their_host_names() -> None:
    # when
    shared = [
        Settings.from_env({**REQUIRED, "COORDINATORS": "3", "HOSTNAME": f"saga-coordinator-{n}"}).own_lanes
        for n in range(3)
    ]

    # then
    assert sorted(lane for lanes in shared for lane in lanes) == list(range(8))


def test_one_of_several_coordinators_has_to_know_which_it_is() -> None:
    # when
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({**REQUIRED, "COORDINATORS": "3", "HOSTNAME": "pc"})

    # then
    assert raised.value.missing == ["COORDINATOR_INDEX"]


def test_a_master_key_that_is_none_is_named_and_not_shown() -> None:
    # when
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({**REQUIRED, "SECRETS_KEY": "c2hvcnQ="})

    # then
    assert str(raised.value) == "SECRETS_KEY is 5 bytes long, not 32"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RETENTION_AFTER", "90 days"),
        ("RETENTION_AFTER", "-P1D"),
        ("RETENTION_KEYS", "never"),
        ("RETENTION_ARCHIVE", "true"),
        ("SECRETS_KEYS_ALSO", "short,shorter"),
    ],
)
def test_what_retention_cannot_mean_is_named(key: str, value: str) -> None:
    # when
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({**REQUIRED, key: value})

    # then
    assert key in str(raised.value)


def test_retention_is_set_for_all_processes() -> None:
    # when
    given = {"RETENTION_AFTER": "P90D", "RETENTION_KEYS": "ever", "RETENTION_ARCHIVE": "true", "ARCHIVE_FOLDER": "/a"}
    settings = Settings.from_env({**REQUIRED, **given})

    # then
    assert (settings.retention_after, settings.retention_keys, settings.retention_archive) == ("P90D", "ever", True)
