"""Maintenance windows, and what is said about wrong ones."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service_kit.connector.maintenance import BadWindow, closed_until, read_windows
from service_kit.connector.systems import SystemsError, load_systems

BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = {"days": ["sat"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-28T21:59:59", None),
        ("2026-11-28T22:00:00", "2026-11-29T06:00:00"),
        ("2026-11-29T05:59:59", "2026-11-29T06:00:00"),
        ("2026-11-29T06:00:00", None),
        ("2026-11-29T22:30:00", None),
    ],
)
def test_a_weekly_window_goes_into_the_next_day(now: str, until: str | None) -> None:
    windows = read_windows([WEEKEND])

    assert closed_until(windows, at(now)) == (at(until) if until else None)


def test_a_window_keeps_to_the_clock_on_the_wall_when_it_is_changed() -> None:
    # given: clocks go back in the night to 25 October 2026
    windows = read_windows([WEEKEND])

    # then
    assert at("2026-10-25T06:00:00") - at("2026-10-24T22:00:00") == 9 * 3_600_000
    assert closed_until(windows, at("2026-10-24T22:00:00")) == at("2026-10-25T06:00:00")


def test_windows_that_follow_each_other_are_one() -> None:
    windows = read_windows([WEEKEND, {"from": "2026-11-29T05:00", "to": "2026-11-29T09:00", "zone": "Europe/Berlin"}])

    assert closed_until(windows, at("2026-11-28T23:00:00")) == at("2026-11-29T09:00:00")


def test_without_days_a_window_is_every_days_and_without_a_zone_it_is_utcs() -> None:
    windows = read_windows([{"from": "12:00", "to": "24:00"}])

    for day in ("2026-11-26", "2026-11-28"):
        noon = at(f"{day}T12:00:00", ZoneInfo("UTC"))
        assert closed_until(windows, noon - 1) is None
        assert closed_until(windows, noon) == noon + 12 * 3_600_000


@pytest.mark.parametrize(
    ("window", "why"),
    [
        ({"from": 1320, "to": "23:00"}, "`from` must be a text in quotes"),
        ({"from": "22:00", "to": "soon"}, "`to` is 'soon'"),
        ({"from": "22:00", "to": "2026-12-24T18:00"}, "must both be times"),
        ({"days": ["sat"], "from": "2026-12-24T18:00", "to": "2026-12-25T18:00"}, "leave `days` out"),
        ({"from": "2026-12-25T18:00", "to": "2026-12-24T18:00"}, "`to` must be later"),
        ({"days": ["noday"], "from": "22:00", "to": "23:00"}, "`days` must name days of mon"),
        ({"days": [], "from": "22:00", "to": "23:00"}, "`days` must name days of mon"),
        ({"from": "22:00", "to": "23:00", "zone": "Atlantis"}, "`zone` 'Atlantis' is not known"),
        ({"from": "22:00", "to": "23:00", "zone": "../etc/passwd"}, "is not known"),
        ({"from": "22:00"}, "missing required field `to`"),
        ({"from": "22:00", "to": "23:00", "color": "red"}, "unknown field `color`"),
        ("always", "Expected `object`"),
    ],
)
def test_a_wrong_window_is_refused_and_named(window: Any, why: str) -> None:
    with pytest.raises(BadWindow, match=r"maintenance\[1\]: ") as error:
        read_windows([WEEKEND, window])

    assert why in str(error.value)


def test_windows_that_never_leave_the_system_open_are_refused() -> None:
    with pytest.raises(BadWindow, match="never leave the system open"):
        read_windows([{"from": "12:00", "to": "00:00"}, {"from": "00:00", "to": "12:00"}])


def test_the_file_says_which_system_has_the_wrong_window(tmp_path: Path) -> None:
    # given: YAML takes an unquoted time for a number
    file = tmp_path / "systems.yaml"
    file.write_text("systems: {erp: {connector: erp, adapter: a, maintenance: [{from: 22:00, to: 23:00}]}}")

    # when / then
    with pytest.raises(SystemsError, match=r"systems\.yaml: systems\.erp: maintenance\[0\]: `from` must be a text"):
        load_systems(file, {})
