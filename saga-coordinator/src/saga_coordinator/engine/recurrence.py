"""When timers are due: the first time, and again."""

from saga_coordinator.engine import times
from saga_coordinator.engine.process import TimerDefinition, TimerKind

_MOST_CAUGHT_UP = 1_000


def first(timer: TimerDefinition, text: str, now: int) -> tuple[int, str | None]:
    """When a timer that says `text` is due first, and how it repeats after that (`R2/PT1H`, cron). Raises `ValueError`
    and `OverflowError` where the text means nothing."""
    if timer.kind is TimerKind.DATE:
        return times.moment(text), None
    if timer.kind is TimerKind.DURATION:
        return _later(timer, text, now), None
    if not _is_interval(text) and timer.timetable is not None:
        return timer.timetable.next(text, now), text
    cycle = times.cycle(text)
    due = cycle.start if cycle.start is not None else _later(timer, _interval(text), now)
    return due if due >= now else _caught_up(timer, _interval(text), due, now), repetition(text, cycle)


def following(timer: TimerDefinition | None, repeat: str, due: int, now: int) -> tuple[int, str | None]:
    """When it is due after `due`, not before `now` (one stands for all that nobody looked at), and how it repeats then.
    Raises as `first`."""
    if timer is not None and timer.timetable is not None and not _is_interval(repeat):
        return timer.timetable.next(repeat, max(due, now - 1)), repeat
    return _caught_up(timer, _interval(repeat), due, now), repetition(repeat, times.cycle(repeat))


def repetition(text: str, cycle: times.Cycle) -> str | None:
    """The cycle that is left after one firing, None when that was the last."""
    if cycle.times is None:
        return text
    if cycle.times <= 1:
        return None
    return f"R{cycle.times - 1}/{_interval(text)}"


def _is_interval(text: str) -> bool:
    return text.lstrip().startswith("R")


def _interval(text: str) -> str:
    return text.rsplit("/", 1)[-1]


def _later(timer: TimerDefinition | None, duration: str, at: int) -> int:
    if timer is not None and timer.timetable is not None:
        return timer.timetable.next(duration, at)
    return times.duration(duration).after(at)


def _caught_up(timer: TimerDefinition | None, interval: str, due: int, now: int) -> int:
    if timer is None or timer.timetable is None:
        return times.next_after(due, times.duration(interval), now)
    for _ in range(_MOST_CAUGHT_UP):
        due = timer.timetable.next(interval, due)
        if due >= now:
            return due
    return timer.timetable.next(interval, now)
