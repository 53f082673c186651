"""ISO 8601 durations, dates and cycles, as far as BPMN timers use them. Times are ms since the epoch, UTC."""

import calendar
import re
from datetime import UTC, datetime, timedelta

import msgspec

_DURATION = re.compile(
    r"^(?P<sign>-)?P(?!$)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?$"
)


class BadTime(ValueError):
    """Not an ISO 8601 date, duration or repeating interval."""


class Duration(msgspec.Struct, frozen=True):
    """Calendar months, and the rest in ms."""

    months: int
    ms: int

    def after(self, at: int) -> int:
        """The moment this long after `at`; a month that is too short gives its last day."""
        if not self.months:
            return at + self.ms
        start = datetime.fromtimestamp(at / 1000, UTC)
        months = start.month - 1 + self.months
        year, month = start.year + months // 12, months % 12 + 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        return round(start.replace(year=year, month=month, day=day).timestamp() * 1000) + self.ms


class Cycle(msgspec.Struct, frozen=True):
    """A repeating interval: `times` is None for ever; `start` None means from when it is set."""

    times: int | None
    every: Duration
    start: int | None = None


def duration(text: str) -> Duration:
    """Parse `P1DT2H`. Raises `BadTime`."""
    match = _DURATION.match(text.strip())
    if match is None:
        raise BadTime(f"not an ISO 8601 duration: {text!r}")
    parts = {
        name: float((value or "0").replace(",", ".")) for name, value in match.groupdict().items() if name != "sign"
    }
    sign = -1 if match["sign"] else 1
    rest = timedelta(
        weeks=parts["weeks"],
        days=parts["days"],
        hours=parts["hours"],
        minutes=parts["minutes"],
        seconds=parts["seconds"],
    )
    return Duration(
        months=sign * int(parts["years"] * 12 + parts["months"]), ms=sign * round(rest.total_seconds() * 1000)
    )


def moment(text: str) -> int:
    """Parse `2026-01-05T09:00:00Z`; without an offset it is UTC. Raises `BadTime`."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadTime(f"not an ISO 8601 date and time: {text!r}") from None
    return round((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)


def cycle(text: str) -> Cycle:
    """Parse `R3/PT10M`, `R/2026-01-05T09:00:00Z/P1D`. Raises `BadTime`."""
    repeat, *rest = text.strip().split("/")
    if not re.fullmatch(r"R\d*", repeat) or len(rest) not in (1, 2):
        raise BadTime(f"not an ISO 8601 repeating interval: {text!r}")
    start = moment(rest[0]) if len(rest) == 2 else None
    every = duration(rest[-1])
    if every.ms <= 0 and every.months <= 0:
        raise BadTime(f"an interval that does not advance: {text!r}")
    return Cycle(times=int(repeat[1:]) if repeat[1:] else None, every=every, start=start)


def next_after(due: int, every: Duration, now: int) -> int:
    """The first of `due + every`, `due + 2 every`, ... that is not past: one stands for all that nobody looked at.
    Raises `OverflowError` or `ValueError` beyond the calendar."""
    due = every.after(due)
    if not every.months and due < now:
        due += (now - due) // every.ms * every.ms
    while due < now:
        due = every.after(due)
    return due


def iso(at: int) -> str:
    """`at` as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
