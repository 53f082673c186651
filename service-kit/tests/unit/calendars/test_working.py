from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_kit import calendars
from service_kit.calendars import Calendar, CalendarError, NoWorkingTime

HOUR = 3_600_000
BERLIN = "Europe/Berlin"


def calendar(**fields: object) -> Calendar:
    standard = {"time_zone": BERLIN, "week": {"mon-fri": ["08:00-12:00", "13:00-17:00"]}}
    return calendars.read({"c": {**standard, **fields}})["c"]


def at(text: str, zone: str = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def shown(moment: int, zone: str = BERLIN) -> str:
    return datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


OFFICE = calendar()
# 2026-01-05 is a Monday.


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-01-05 09:00", "PT2H", "2026-01-05 11:00"),
        ("2026-01-05 11:00", "PT2H", "2026-01-05 14:00"),  # over lunch
        ("2026-01-05 08:00", "PT8H", "2026-01-05 17:00"),
        ("2026-01-05 16:00", "PT2H", "2026-01-06 09:00"),
        ("2026-01-09 16:30", "PT1H", "2026-01-12 08:30"),  # over the weekend
        ("2026-01-10 11:00", "PT1H", "2026-01-12 09:00"),  # from a Saturday
        ("2026-01-05 12:30", "PT30M", "2026-01-05 13:30"),  # from a break
        ("2026-01-05 09:15", "P1D", "2026-01-06 09:15"),
        ("2026-01-09 09:15", "P1D", "2026-01-12 09:15"),
        ("2026-01-10 09:15", "P1D", "2026-01-13 08:00"),  # a Saturday counts as Monday 08:00
        ("2026-01-09 20:00", "P1D", "2026-01-13 08:00"),
        ("2026-01-05 09:00", "P1DT9H", "2026-01-07 10:00"),
        ("2026-01-10 09:15", "PT0S", "2026-01-10 09:15"),
    ],
)
def test_working_days_and_working_time_are_added(start: str, duration: str, end: str) -> None:
    assert shown(OFFICE.add(at(start), duration)) == end


@pytest.mark.parametrize(
    ("moment", "working", "following"),
    [
        ("2026-01-05 08:00", True, "2026-01-05 08:00"),
        ("2026-01-05 12:00", False, "2026-01-05 13:00"),
        ("2026-01-05 16:59", True, "2026-01-05 16:59"),
        ("2026-01-09 17:00", False, "2026-01-12 08:00"),
        ("2026-01-11 10:00", False, "2026-01-12 08:00"),
    ],
)
def test_working_time_ends_with_the_end_of_a_shift(moment: str, working: bool, following: str) -> None:
    assert OFFICE.is_working_time(at(moment)) is working
    assert shown(OFFICE.next_working_moment(at(moment))) == following


def test_the_working_time_between_two_moments_leaves_out_breaks_and_weekends() -> None:
    start, end = at("2026-01-09 11:00"), at("2026-01-12 14:00")

    assert OFFICE.between(start, end) == 10 * HOUR
    assert OFFICE.between(end, start) == -10 * HOUR
    assert OFFICE.between(start, start) == 0


# -- holidays


def test_holidays_of_a_country_are_not_worked() -> None:
    assert not calendar(holidays="DE").is_working_day(date(2026, 5, 1))
    assert calendar(holidays="DE").is_working_day(date(2026, 1, 6))
    assert not calendar(holidays="DE-BY").is_working_day(date(2026, 1, 6))


def test_chinas_adjusted_weekends_are_worked_with_the_hours_of_a_working_day() -> None:
    # given the Spring Festival of 2026: 15 to 23 February off, Saturday 14 and Saturday 28 worked
    china = calendar(time_zone="Asia/Shanghai", holidays="CN")

    # then
    assert [china.is_working_day(date(2026, 2, day)) for day in (13, 14, 15, 16, 20, 23, 24, 28)] == [
        True, True, False, False, False, False, True, True,
    ]  # fmt: skip
    before = at("2026-02-14 16:00", "Asia/Shanghai")
    assert shown(china.add(before, "PT2H"), "Asia/Shanghai") == "2026-02-24 09:00"
    assert shown(china.add(before, "P2D"), "Asia/Shanghai") == "2026-02-25 16:00"


def test_a_company_closes_and_opens_on_days_of_its_own() -> None:
    own = calendar(holidays="DE", closed=["2026-08-03..2026-08-14"], open=["2026-05-01", "2026-08-15"])

    assert not own.is_working_day(date(2026, 8, 3))
    assert not own.is_working_day(date(2026, 8, 14))
    assert own.is_working_day(date(2026, 8, 15))
    assert own.is_working_day(date(2026, 5, 1))
    assert shown(own.add(at("2026-07-31 16:00"), "PT2H")) == "2026-08-15 09:00"


# -- clocks that jump


def test_a_day_whose_clock_jumps_has_as_much_time_as_pass_on_it() -> None:
    around = calendar(week={"mon-sun": ["00:00-24:00"]})

    assert around.between(at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 23 * HOUR
    assert around.between(at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 25 * HOUR


def test_a_shift_into_the_missing_hour_ends_with_the_jump() -> None:
    night = calendar(week={"sun": ["01:00-02:30"]})

    assert night.between(at("2026-03-29 00:00"), at("2026-03-29 12:00")) == HOUR


def test_a_day_later_is_the_same_time_of_day_whatever_the_clock_did() -> None:
    around = calendar(week={"mon-sun": ["00:00-24:00"]})

    assert shown(around.add(at("2026-03-28 09:00"), "P1D")) == "2026-03-29 09:00"
    assert shown(around.add(at("2026-10-24 09:00"), "P1D")) == "2026-10-25 09:00"


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    nights = calendar(week={"mon-fri": ["22:00-06:00"]})

    assert nights.is_working_time(at("2026-01-10 05:00"))  # Saturday, from Friday
    assert not nights.is_working_time(at("2026-01-05 05:00"))  # Monday: nobody began on Sunday
    assert shown(nights.add(at("2026-01-10 05:00"), "PT2H")) == "2026-01-12 23:00"
    assert shown(nights.add(at("2026-01-10 05:00"), "P1D")) == "2026-01-13 05:00"


# -- properties

ZONES = [BERLIN, "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "UTC"]
WEEKS = [
    {"mon-fri": ["08:00-12:00", "13:00-17:30"]},
    {"mon-thu": ["08:00-17:00"], "fri": ["08:00-14:00"], "sat": ["01:30-02:15", "02:20-03:10"]},
    {"mon-sun": ["00:00-24:00"]},
    {"mon-sat": ["06:00-14:00", "14:00-22:00", "22:00-06:00"]},
    {"sun": ["00:30-04:00"], "wed": ["20:00-05:00"], "thu": ["04:00-09:00"]},
]
calendars_drawn = st.builds(
    lambda zone, week, place: calendar(time_zone=zone, week=week, holidays=place),
    st.sampled_from(ZONES),
    st.sampled_from(WEEKS),
    st.sampled_from(["CN", "DE", None]),
)
# Around the jumps of 2026 in these zones, to the minute, and elsewhere.
moments = st.one_of(
    st.integers(at("2025-12-01 00:00"), at("2027-02-01 00:00")),
    *(
        st.integers(-36 * 60, 36 * 60).map(lambda minute, day=day: at(day) + minute * 60_000)  # type: ignore[misc]
        for day in ("2026-03-29 03:00", "2026-10-25 02:00", "2026-03-08 08:00", "2026-11-01 08:00", "2026-04-04 16:00")
    ),
)
lengths = st.integers(0, 120 * HOUR)


@given(calendars_drawn, moments, lengths)
def test_the_time_between_is_what_was_added(some: Calendar, start: int, length: int) -> None:
    assert some.between(start, some.add_time(start, length)) == length


@given(calendars_drawn, moments, lengths, lengths)
def test_adding_twice_is_adding_once(some: Calendar, start: int, first: int, second: int) -> None:
    assert some.add_time(some.add_time(start, first), second) == some.add_time(start, first + second)


@given(calendars_drawn, moments, st.integers(0, 50 * HOUR), lengths, st.integers(0, 8))
def test_who_begins_later_is_not_due_earlier(some: Calendar, start: int, gap: int, length: int, days: int) -> None:
    assert some.add_time(start, length) <= some.add_time(start + gap, length) or not length
    if days:
        assert some.add_days(start, days) <= some.add_days(start + gap, days)


@given(calendars_drawn, moments, moments, moments)
def test_the_parts_of_a_time_are_as_long_as_the_whole(some: Calendar, a: int, b: int, c: int) -> None:
    assert some.between(a, b) + some.between(b, c) == some.between(a, c)


@given(calendars_drawn, moments)
def test_the_next_working_moment_is_worked_and_nothing_before_it_is(some: Calendar, start: int) -> None:
    found = some.next_working_moment(start)

    assert some.is_working_time(found)
    assert some.between(start, found) == 0
    assert (found == start) == some.is_working_time(start)


# -- what means nothing


@pytest.mark.parametrize("duration", ["", "P", "PT", "8H", "P1M", "P1W", "-PT1H", "R/PT1H", "P1.5D"])
def test_what_is_no_working_duration_is_refused(duration: str) -> None:
    with pytest.raises(CalendarError, match="no working duration"):
        OFFICE.add(0, duration)


def test_a_calendar_that_is_closed_for_years_says_so() -> None:
    closed = calendar(closed=["2026-01-01..2030-12-31", "2031-01-01..2040-12-31"])

    for ask in (closed.next_working_moment, lambda now: closed.add(now, "PT1H"), lambda now: closed.add(now, "P1D")):
        with pytest.raises(NoWorkingTime):
            ask(at("2026-01-05 09:00"))
    assert not closed.is_working_time(at("2026-01-05 09:00"))
    assert closed.between(at("2026-01-05 09:00"), at("2026-02-05 09:00")) == 0
