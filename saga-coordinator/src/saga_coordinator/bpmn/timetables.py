"""Timetables: how timers read cron expressions and working durations. Made at deployment, asked by the engine."""

from functools import lru_cache

import msgspec

from saga_coordinator.engine import times
from service_kit.calendars import Calendar, CalendarError, Cron, is_cron, wall_clock

_TEN_YEARS = 3_652 * 86_400_000


class Timetable(msgspec.Struct, frozen=True):
    """Cron is read in `time_zone`; with a calendar it is due on working days only, and durations are working time."""

    time_zone: str
    calendar: Calendar | None = None

    def next(self, text: str, after: int) -> int:
        """When cron comes true next, or the moment a duration later (ms). Raises `ValueError`, `OverflowError`."""
        if is_cron(text):
            return self._cron(text, after)
        if self.calendar is not None:
            return self.calendar.add(after, text)
        return times.duration(text).after(after)

    def _cron(self, text: str, after: int) -> int:
        cron, due = _compiled(text, self.time_zone), after
        while due - after < _TEN_YEARS:
            due = cron.next(due)
            if self._works(due):
                return due
        raise CalendarError(f"{text!r} does not come true on a working day for ten years")

    def _works(self, at: int) -> bool:
        if self.calendar is None:
            return True
        return self.calendar.is_working_day(wall_clock.local(at, self.calendar.zone).date())


@lru_cache(maxsize=1_000)
def _compiled(text: str, time_zone: str) -> Cron:
    return Cron(text, time_zone)
