"""Timers on cron and working calendars."""

from datetime import UTC, datetime

import pytest

from saga_coordinator import bpmn
from saga_coordinator.engine.process import TimerDefinition
from saga_coordinator.engine.recurrence import first, following
from saga_coordinator.testing.files import chain, process
from service_kit import calendars, expressions

CALENDARS = calendars.read(
    {"factory": {"time_zone": "Asia/Shanghai", "week": {"mon-fri": ["08:00-12:00", "13:00-17:00"]}, "holidays": "CN"}}
)


def file(form: str, text: str, attributes: str = "") -> bytes:
    definition = f"<timerEventDefinition {attributes}><{form}>{text}</{form}></timerEventDefinition>"
    body = f'<startEvent id="start"/><intermediateCatchEvent id="t">{definition}</intermediateCatchEvent>'
    return process(body + '<endEvent id="end"/>' + chain("start", "t", "end"))


def timer(form: str, text: str, attributes: str = "", *, tolerant: bool = False) -> TimerDefinition:
    parsed = bpmn.parse(
        file(form, text, attributes),
        catalogue={},
        compile=expressions.compile,
        tolerant=tolerant,
        calendars={} if tolerant else CALENDARS,
    )
    event = parsed.elements["t"].event
    assert event is not None
    assert event.timer is not None
    return event.timer


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def shown(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M")


@pytest.mark.parametrize(
    ("form", "text", "attributes", "due"),
    [
        ("timeCycle", "0 8 * * MON-FRI", "", "01-12 08:00"),
        ("timeCycle", "0 8 * * MON-FRI", 'tl:timeZone="Asia/Shanghai"', "01-12 00:00"),
        ("timeCycle", "0 8 * * *", 'tl:calendar="factory"', "01-12 00:00"),
        ("timeCycle", "0 8 * * *", 'tl:calendar="factory" tl:timeZone="UTC"', "01-12 08:00"),
        ("timeDuration", "PT2H", 'tl:calendar="factory"', "01-12 01:00"),
        ("timeDuration", "P1D", 'tl:calendar="factory"', "01-12 08:00"),
        ("timeCycle", "R3/PT4H", 'tl:calendar="factory"', "01-12 03:00"),
        ("timeCycle", "R/2026-01-12T00:00:00Z/P1D", 'tl:calendar="factory"', "01-12 00:00"),
        ("timeDuration", "PT2H", "", "01-09 10:00"),
    ],
)
def test_a_timer_is_due_by_its_calendar_and_time_zone(form: str, text: str, attributes: str, due: str) -> None:
    found = timer(form, text, attributes)

    # 2026-01-09 is a Friday; 16:00 in Shanghai
    assert shown(first(found, text, at("2026-01-09 08:00"))[0]) == due


def test_cron_on_a_calendar_leaves_out_holidays_and_takes_adjusted_weekends() -> None:
    # given the Spring Festival of 2026: 15 to 23 February off, Saturday 14 and Saturday 28 worked
    found = timer("timeCycle", "0 8 * * *", 'tl:calendar="factory"')
    due, repeat = first(found, found.text, at("2026-02-13 01:00"))
    times = [shown(due)]

    # when
    while len(times) < 3:
        assert repeat is not None
        due, repeat = following(found, repeat, due, due)
        times.append(shown(due))

    # then
    assert times == ["02-14 00:00", "02-24 00:00", "02-25 00:00"]


def test_an_expression_may_give_a_working_duration_or_cron() -> None:
    duration = timer("timeDuration", "=pause", 'tl:calendar="factory"')
    cycle = timer("timeCycle", "=rhythm")

    assert shown(first(duration, "PT2H", at("2026-01-09 08:00"))[0]) == "01-12 01:00"
    assert first(cycle, "0 8 * * *", at("2026-01-09 08:00")) == (at("2026-01-10 08:00"), "0 8 * * *")
    assert first(cycle, "R/PT1H", 0) == (3_600_000, "R/PT1H")
    with pytest.raises(ValueError, match="no working duration"):
        first(duration, "P1M", 0)


@pytest.mark.parametrize(
    ("form", "text", "attributes", "rule", "reason"),
    [
        ("timeDuration", "PT2H", 'tl:calendar="office"', "unknown-calendar", "'office'"),
        ("timeDuration", "P1M", 'tl:calendar="factory"', "bad-timer", "no working duration"),
        ("timeCycle", "R3/P1W", 'tl:calendar="factory"', "bad-timer", "no working duration"),
        ("timeDate", "2026-01-01", 'tl:calendar="factory"', "bad-timer", "means nothing for a date"),
        ("timeDuration", "PT2H", 'tl:timeZone="UTC"', "bad-timer", "for cron only"),
        ("timeCycle", "R/PT2H", 'tl:timeZone="UTC"', "bad-timer", "for cron only"),
        ("timeCycle", "0 8 * * *", 'tl:timeZone="Mars"', "bad-timer", "no time zone 'Mars'"),
        ("timeCycle", "0 25 * * *", "", "bad-timer", "no cron expression"),
        ("timeCycle", "0 0 31 2 *", "", "bad-timer", "no cron expression"),
        ("timeCycle", "0 8 1 1 *", 'tl:calendar="factory"', "bad-timer", "on a working day"),
        ("timeCycle", "0 0 8 * * ?", "", "bad-timer", "not an ISO 8601"),
        ("timeDuration", "0 8 * * *", "", "bad-timer", "not an ISO 8601"),
    ],
)
def test_a_timer_that_means_nothing_is_refused(form: str, text: str, attributes: str, rule: str, reason: str) -> None:
    (finding,) = bpmn.lint(file(form, text, attributes), catalogue={}, compile=expressions.compile, calendars=CALENDARS)

    assert (finding.element, finding.rule) == ("t", rule)
    assert reason in finding.message


def test_without_the_installation_a_timer_on_its_calendar_never_fires_and_cron_does() -> None:
    assert timer("timeDuration", "PT2H", 'tl:calendar="office"', tolerant=True).text.startswith("9999")
    assert timer("timeCycle", "0 8 * * *", tolerant=True).text == "0 8 * * *"
    assert timer("timeCycle", "0 0 8 ? * MON", tolerant=True).text.startswith("9999")
