from pathlib import Path
from typing import Any

import pytest

from service_kit import calendars
from service_kit.calendars import CalendarError

WEEK = {"mon-fri": ["08:00-17:00"]}


def test_a_file_holds_calendars_by_name(tmp_path: Path) -> None:
    # given
    file = tmp_path / "calendars.yaml"
    file.write_text(
        """
        factory:
          time_zone: Asia/Shanghai
          week: {mon-fri: ["08:00-12:00", "13:00-17:30"], sat: ["08:00-12:00"]}
          holidays: CN
          closed: [2026-08-03, 2026-08-10..2026-08-14]
          open: [2026-08-23]
        oslo:
          time_zone: Europe/Oslo
          week: {mon-fri: ["08:00-16:00"], sun: []}
          holidays: NO
        """
    )

    # when
    found = calendars.load(file)

    # then
    assert sorted(found) == ["factory", "oslo"]
    assert found["factory"].zone.key == "Asia/Shanghai"
    assert len(found["factory"].closed) == 6
    assert found["oslo"].place == "NO"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], "are expected"),
        ({}, "week: hours by days are expected"),
        ({"week": {}}, "week: hours by days are expected"),
        ({"week": {"mon": []}}, "no day has hours"),
        ({"week": WEEK, "zone": "UTC"}, "zone: there is no such field"),
        ({"week": WEEK, "time_zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"week": WEEK, "time_zone": "../etc/passwd"}, "there is no time zone"),
        ({"week": {"monday": ["08:00-17:00"]}}, "'monday' is no day"),
        ({"week": {"fri-mon": ["08:00-17:00"]}}, "runs backwards"),
        ({"week": {"mon-fri": ["08:00-17:00"], "fri": ["08:00-12:00"]}}, "fri is there twice"),
        ({"week": {"mon": "08:00-17:00"}}, "a list of hours is expected"),
        ({"week": {"mon": ["8-17"]}}, "is no time from"),
        ({"week": {"mon": ["08:00-25:00"]}}, "is no time from"),
        ({"week": {"mon": ["08:70-09:00"]}}, "is no time from"),
        ({"week": {"mon": ["08:00-12:00", "11:00-17:00"]}}, "overlap"),
        ({"week": WEEK, "holidays": "XX"}, "holidays of 'XX' are not known"),
        ({"week": WEEK, "holidays": "DE-XX"}, "DE has no part 'XX'"),
        ({"week": WEEK, "closed": "2026-01-01"}, "closed: a list of dates"),
        ({"week": WEEK, "closed": ["soon"]}, "closed: 'soon' is no date"),
        ({"week": WEEK, "open": ["2026-01-05..2026-01-01"]}, "is no range of dates"),
        ({"week": WEEK, "open": ["2026-01-05"], "closed": ["2026-01-05"]}, "both closed and open"),
    ],
)
def test_what_means_nothing_is_refused_with_calendar_and_field(fields: Any, reason: str) -> None:
    with pytest.raises(CalendarError, match=r"^calendar c: ") as refused:
        calendars.read({"c": fields})

    assert reason in str(refused.value)


@pytest.mark.parametrize("content", [b"[1, 2]", b"a: [", b"\xff"])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "calendars.yaml"
    file.write_bytes(content)

    with pytest.raises(CalendarError, match=r"calendars\.yaml"):
        calendars.load(file)
    with pytest.raises(CalendarError, match=r"missing\.yaml cannot be read"):
        calendars.load(tmp_path / "missing.yaml")
