import msgspec
import pytest

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import EventDefinition, Kind, TimerDefinition, TimerKind, Trigger
from saga_coordinator.engine.recurrence import first, following
from saga_coordinator.testing.case import MONDAY, Case
from saga_coordinator.testing.drawing import Drawing

HOUR = 3_600_000


class EveryTen(msgspec.Struct, frozen=True):
    """Due at full ten hours; a text with a number of hours is that much later. `until`: the end of all times."""

    until: int = 2**60

    def next(self, text: str, after: int) -> int:
        due = (after // (10 * HOUR) + 1) * 10 * HOUR if text == "tens" else after + int(text[2:-1]) * HOUR
        if due > self.until:
            raise ValueError("the end of all times")
        return due


def timer(kind: TimerKind, text: str, timetable: EveryTen | None = None) -> TimerDefinition:
    return TimerDefinition(kind, text, timetable=timetable or EveryTen())


def test_the_timetable_says_when_a_timer_is_due_and_when_it_is_due_again() -> None:
    cron = timer(TimerKind.CYCLE, "tens")

    assert first(cron, "tens", 25 * HOUR) == (30 * HOUR, "tens")
    assert following(cron, "tens", 30 * HOUR, 30 * HOUR + 5) == (40 * HOUR, "tens")
    assert first(timer(TimerKind.DURATION, "PT7H"), "PT7H", 1 * HOUR) == (8 * HOUR, None)


def test_one_time_stands_for_all_that_nobody_looked_at() -> None:
    assert following(timer(TimerKind.CYCLE, "tens"), "tens", 30 * HOUR, 95 * HOUR) == (100 * HOUR, "tens")
    assert following(timer(TimerKind.CYCLE, ""), "R5/PT3H", 0, 20 * HOUR) == (21 * HOUR, "R4/PT3H")


def test_an_interval_is_read_by_the_timetable_and_counts_its_repetitions() -> None:
    cycle = timer(TimerKind.CYCLE, "R2/PT3H")

    assert first(cycle, "R2/PT3H", HOUR) == (4 * HOUR, "R1/PT3H")
    assert following(cycle, "R1/PT3H", 4 * HOUR, 4 * HOUR) == (7 * HOUR, None)


@pytest.mark.parametrize("text", ["nothing", "R/nothing"])
def test_without_a_timetable_only_iso_8601_means_something(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601"):
        first(TimerDefinition(TimerKind.CYCLE, text), text, 0)


def boundary(timetable: EveryTen) -> Case:
    definition = TimerDefinition(TimerKind.CYCLE, "tens", timetable=timetable)
    event = EventDefinition(trigger=Trigger.TIMER, timer=definition)
    drawing = Drawing().start().add(Kind.USER_TASK, "a").end("end").end("reminded")
    drawing.boundary("b", "a", event, interrupting=False)
    return Case(drawing.flow("start", "a").flow("a", "end").flow("b", "reminded").process()).start()


def test_a_boundary_event_on_a_timetable_fires_again_and_again() -> None:
    case = boundary(EveryTen())

    case.advance(35 * HOUR)

    assert case.entered().count("b") == 3  # Monday 09:00 is an hour past ten
    assert len(case.live.timers) == 1


def test_a_timetable_that_ends_is_told_and_the_step_stays_as_it_is() -> None:
    case = boundary(EveryTen(until=MONDAY + 15 * HOUR))

    case.advance(40 * HOUR)

    assert case.open() == ["a"]
    assert [fact.reason for fact in case.facts if isinstance(fact, f.InputIgnored)] == [
        "b does not repeat any more: the end of all times"
    ]
