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
