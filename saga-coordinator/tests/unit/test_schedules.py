from saga_coordinator.store.timers import Schedule
from saga_coordinator.timers import next_due

HOUR = 3_600_000


def schedule(due: int = 10 * HOUR, every: str | None = "PT1H", remaining: int | None = None) -> Schedule:
    return Schedule("p", "start", 1, due, every, remaining)


def test_a_schedule_is_due_again_after_its_interval() -> None:
    assert next_due(schedule(), now=10 * HOUR + 5) == 11 * HOUR


def test_times_that_nobody_looked_are_made_up_for_by_one_start() -> None:
    assert next_due(schedule(), now=14 * HOUR + 5) == 15 * HOUR


def test_a_schedule_in_months_keeps_its_day() -> None:
    assert next_due(schedule(due=0, every="P1M"), now=32 * 24 * HOUR) == 59 * 24 * HOUR


def test_a_schedule_without_more_times_is_over() -> None:
    assert next_due(schedule(remaining=0), now=11 * HOUR) is None
    assert next_due(schedule(every=None), now=11 * HOUR) is None
