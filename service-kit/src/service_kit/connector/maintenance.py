"""Maintenance windows: when a system must be left alone.

    maintenance:
      - {days: [sat, sun], from: "22:00", to: "06:00", zone: Europe/Berlin}          # every week, into the next day
      - {from: "12:00", to: "12:30"}                                                 # every day, UTC
      - {from: "2026-12-24T18:00", to: "2026-12-27T06:00", zone: Asia/Shanghai}      # once

Times are those of the clock on the wall there, whatever daylight saving makes of them. Moments are ms since the epoch.
"""

import datetime
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from service_kit.errors import KitError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = datetime.timedelta(days=1)
_LONGEST_CHAIN = 400


class BadWindow(KitError):
    """A maintenance window is wrong; the message says how it must be."""


class Weekly(msgspec.Struct, frozen=True):
    """From `begin` on each of `days` (0: Monday) to `end`, the next day where that is not later. `zone` is an IANA
    name."""

    days: tuple[int, ...]
    begin: datetime.time
    end: datetime.time
    zone: str

    def end_at(self, now: int) -> int | None:
        """The end of this window, if `now` is inside."""
        zone = ZoneInfo(self.zone)
        today = datetime.datetime.fromtimestamp(now / 1000, zone).date()
        for day in (today, today - _DAY):
            last = day if self.begin < self.end else day + _DAY
            begin, end = _moment(day, self.begin, zone), _moment(last, self.end, zone)
            if day.weekday() in self.days and begin <= now < end:
                return end
        return None


class Once(msgspec.Struct, frozen=True):
    """From `begin` to `end`."""

    begin: int
    end: int

    def end_at(self, now: int) -> int | None:
        """The end of this window, if `now` is inside."""
        return self.end if self.begin <= now < self.end else None


Window = Weekly | Once


def closed_until(windows: Sequence[Window], now: int) -> int | None:
    """When the system is open again; None where it is open. Windows that follow each other are one."""
    until = now
    for _ in range(_LONGEST_CHAIN):
        ends = [end for window in windows if (end := window.end_at(until)) is not None]
        if not ends:
            break
        until = max(ends)
    return until if until > now else None


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    begin: Any = msgspec.field(name="from")
    end: Any = msgspec.field(name="to")
    days: list[str] | None = None
    zone: str = "UTC"


def read_windows(told: Sequence[Any]) -> tuple[Window, ...]:
    """The windows that `systems.yaml` tells. Raises `BadWindow`."""
    windows = []
    for number, one in enumerate(told):
        try:
            windows.append(_read(msgspec.convert(one, _Told)))
        except (BadWindow, msgspec.ValidationError) as error:
            raise BadWindow(f"maintenance[{number}]: {error}") from error
    weekly = [window for window in windows if isinstance(window, Weekly)]
    someday = _moment(datetime.date(2026, 1, 5), datetime.time(), ZoneInfo("UTC"))
    if (closed_until(weekly, someday) or someday) > someday + 21 * 86_400_000:
        raise BadWindow("maintenance: the weekly windows never leave the system open")
    return tuple(windows)


def _read(told: _Told) -> Window:
    zone = _zone(told.zone)
    begin, end = _wall(told.begin, "from"), _wall(told.end, "to")
    if isinstance(begin, datetime.time) and isinstance(end, datetime.time):
        return Weekly(_days(told.days), begin, end, told.zone)
    if isinstance(begin, datetime.time) or isinstance(end, datetime.time):
        raise BadWindow('`from` and `to` must both be times ("22:00") or both be moments ("2026-12-24T18:00")')
    if told.days is not None:
        raise BadWindow("a window with dates happens once: leave `days` out")
    once = Once(_stamp(begin, zone), _stamp(end, zone))
    if once.end <= once.begin:
        raise BadWindow("`to` must be later than `from`")
    return once


def _wall(value: Any, name: str) -> datetime.time | datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if not isinstance(value, str):
        raise BadWindow(f'`{name}` must be a text in quotes, like "22:00": YAML makes a number of 22:00')
    text = "00:00" if value == "24:00" else value
    for parse in (datetime.time.fromisoformat, datetime.datetime.fromisoformat):
        try:
            found: datetime.time | datetime.datetime = parse(text)
        except ValueError:
            continue
        if "T" in text.upper() or ":" in text:
            return found
    raise BadWindow(f'`{name}` is {value!r}: neither a time ("22:00") nor a moment ("2026-12-24T18:00")')


def _days(told: list[str] | None) -> tuple[int, ...]:
    if told is None:
        return tuple(range(7))
    names = [name.lower()[:3] for name in told]
    if not names or any(name not in DAYS for name in names):
        raise BadWindow(f"`days` must name days of {', '.join(DAYS)}")
    return tuple(sorted({DAYS.index(name) for name in names}))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadWindow(f"`zone` {name!r} is not known; use a name like Europe/Berlin") from error


def _moment(day: datetime.date, time: datetime.time, zone: ZoneInfo) -> int:
    return _stamp(datetime.datetime.combine(day, time), zone)


def _stamp(moment: datetime.datetime, zone: ZoneInfo) -> int:
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
