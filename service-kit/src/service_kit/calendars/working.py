"""Working time: which days and hours are worked, and arithmetic on them. Moments are ms since the epoch."""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec

from service_kit.calendars import holidays_of, wall_clock
from service_kit.calendars.errors import CalendarError, NoWorkingTime

_HORIZON = 3_660  # days
_ONE_DAY = timedelta(days=1)
_DURATION = re.compile(
    r"P(?!$)(?:(?P<days>\d+)D)?(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
Span = tuple[timedelta, timedelta]


class WorkingDuration(msgspec.Struct, frozen=True):
    """Working days, then working time in ms."""

    days: int
    ms: int


class Calendar(msgspec.Struct, frozen=True):
    """`week` holds, by weekday (Monday is 0), the spans that are worked as times since midnight; a night shift ends
    after 24 hours and belongs to the day on which it begins. `place` is whose public holidays are kept ("": nobody's).
    On an `opened` day, and on a weekend day that the place works, the hours are those of its weekday, or else of the
    first weekday that is worked."""

    name: str
    zone: ZoneInfo
    week: Mapping[int, tuple[Span, ...]]
    place: str = ""
    closed: frozenset[date] = frozenset()
    opened: frozenset[date] = frozenset()

    # -- questions

    def is_working_day(self, day: date) -> bool:
        """Whether a shift begins on that day."""
        return bool(self.spans(day))

    def is_working_time(self, at: int) -> bool:
        """Whether people work at that moment; the end of a shift is not worked any more."""
        return any(begin <= at for _, begin, _ in self._shifts(at, until=at + 1))

    def next_working_moment(self, at: int) -> int:
        """The first moment from `at` on at which people work. Raises `NoWorkingTime`."""
        _, begin, _ = next(self._shifts(at))
        return max(begin, at)

    def between(self, start: int, end: int) -> int:
        """Working time from `start` to `end` in ms; negative if `end` comes first."""
        if end < start:
            return -self.between(end, start)
        total = 0
        for _, begin, finish in self._shifts(start, until=end):
            total += max(0, min(finish, end) - max(begin, start))
        return total

    # -- adding

    def add(self, at: int, duration: str) -> int:
        """The moment a working duration after `at`: `PT8H` is eight hours of working time, `P3D` the same time of day
        three working days later, `P1DT2H` one after the other. Raises `CalendarError` and `NoWorkingTime`."""
        parsed = working_duration(duration)
        return self.add_time(self.add_days(at, parsed.days), parsed.ms)

    def add_time(self, at: int, ms: int) -> int:
        """The moment at which `ms` of working time have passed. Raises `NoWorkingTime`."""
        if not ms:
            return at
        for _, begin, finish in self._shifts(at):
            begin = max(begin, at)
            if finish - begin >= ms:
                return begin + ms
            ms -= finish - begin
        raise NoWorkingTime(f"calendar {self.name} has not that much working time within ten years")

    def add_days(self, at: int, days: int) -> int:
        """The same time of day that many working days later. What happens outside working time counts as if it had
        happened when work begins again. Raises `NoWorkingTime`."""
        if not days:
            return at
        day, begin, _ = next(self._shifts(at))
        clock = wall_clock.since_midnight(max(begin, at), day, self.zone)
        for _ in range(_HORIZON):
            day += _ONE_DAY
            days -= self.is_working_day(day)
            if not days:
                return wall_clock.moment(day, clock, self.zone)
        raise NoWorkingTime(f"calendar {self.name} has not that many working days within ten years")

    # -- days

    def spans(self, day: date) -> tuple[Span, ...]:
        """What is worked on that day."""
        usual = self.week.get(day.weekday(), ())
        holidays = holidays_of.of_year(self.place, day.year)
        if day in self.closed:
            return ()
        if day in self.opened or day in holidays.worked:
            return usual or self._first_worked()
        return () if day in holidays.off else usual

    def _first_worked(self) -> tuple[Span, ...]:
        return next((self.week[weekday] for weekday in range(7) if self.week.get(weekday)), ())

    def _shifts(self, at: int, until: int | None = None) -> Iterator[tuple[date, int, int]]:
        """Shifts that end after `at` (and begin before `until`), with their days, in order and without overlaps. Raises
        `NoWorkingTime` where there is none for ten years."""
        day, last, idle = wall_clock.local(at, self.zone).date() - _ONE_DAY, -sys.maxsize, 0
        while until is not None or idle < _HORIZON:
            for start, end in self._moments(day):
                start = max(start, last)
                if until is not None and start >= until:
                    return
                last = max(end, last)
                if end > max(at, start):
                    idle = 0
                    yield day, start, end
            day, idle = day + _ONE_DAY, idle + 1
            if until is not None and wall_clock.moment(day, timedelta(), self.zone) >= until:
                return
        raise NoWorkingTime(f"calendar {self.name} has no working time within ten years")

    def _moments(self, day: date) -> Iterator[tuple[int, int]]:
        for begin, finish in self.spans(day):
            yield wall_clock.moment(day, begin, self.zone), wall_clock.moment(day, finish, self.zone)


def working_duration(text: str) -> WorkingDuration:
    """Parse `P3D`, `PT8H`, `P1DT2H30M`. Raises `CalendarError`: weeks and months are no working time."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise CalendarError(f"{text!r} is no working duration: working days and working time are meant, as in P1DT2H")
    hours, minutes, seconds = (float(match[part] or 0) for part in ("hours", "minutes", "seconds"))
    return WorkingDuration(int(match["days"] or 0), round((hours * 3600 + minutes * 60 + seconds) * 1000))
