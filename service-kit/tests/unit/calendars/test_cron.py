from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_kit.calendars import CalendarError, Cron, is_cron


def at(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def times(cron: Cron, after: int, count: int, zone: str = "UTC") -> list[str]:
    found = []
    for _ in range(count):
        after = cron.next(after)
        found.append(datetime.fromtimestamp(after / 1000, ZoneInfo(zone)).strftime("%m-%d %H:%M"))
    return found


def test_a_cron_expression_is_due_in_its_time_zone() -> None:
    weekdays = Cron("0 8 * * MON-FRI", "Asia/Shanghai")

    assert times(weekdays, at("2026-01-08 00:00"), 3) == ["01-09 00:00", "01-12 00:00", "01-13 00:00"]
    assert times(weekdays, at("2026-01-09 00:00") - 1, 1) == ["01-09 00:00"]


def test_a_clock_that_jumps_loses_no_time_and_doubles_none() -> None:
    berlin = Cron("30 2 * * *", "Europe/Berlin")

    assert times(berlin, at("2026-03-28 12:00"), 2, "Europe/Berlin") == ["03-29 03:00", "03-30 02:30"]
    assert times(berlin, at("2026-10-24 12:00"), 2, "Europe/Berlin") == ["10-25 02:30", "10-26 02:30"]


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "* * * * * *", "60 * * * *", "0 8 * * NEVER", "@daily", "R/PT1H", "0 0 31 2 *"]
)
def test_what_is_no_cron_expression_or_never_comes_true_is_refused(expression: str) -> None:
    with pytest.raises(CalendarError):
        Cron(expression)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(CalendarError, match="no time zone 'Mars'"):
        Cron("* * * * *", "Mars")


def test_five_fields_have_the_form_of_cron() -> None:
    assert is_cron(" 0  8 * * 1-5 ")
    assert not is_cron("R3/PT1H")


@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0 1 * *", "15 1-3 * * SUN", "0 12 L * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(at("2026-01-01"), at("2027-01-01")),
)
def test_times_go_forward_and_nothing_lies_between_them(expression: str, zone: str, start: int) -> None:
    cron = Cron(expression, zone)

    found = [start]
    for _ in range(5):
        found.append(cron.next(found[-1]))

    for earlier, later in pairwise(found):
        assert earlier < later
        assert cron.next(later - 1_000) == later
