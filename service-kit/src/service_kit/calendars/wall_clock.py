"""Local times as moments (ms since the epoch), also on days whose clock jumps.

A local time that does not exist is the moment of the jump; one that exists twice is the first of the two. So the
moments of a day are in the order of its local times.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service_kit.calendars.errors import CalendarError

_LONGEST_JUMP = timedelta(hours=3)


def zone(name: str) -> ZoneInfo:
    """A time zone by its name (`Asia/Shanghai`). Raises `CalendarError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarError(f"there is no time zone {name!r}") from error


def local(at: int, zone: ZoneInfo) -> datetime:
    """The moment as a clock on the wall shows it. Raises `OverflowError` or `ValueError` beyond the calendar."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)).astimezone(zone)


def moment(day: date, since_midnight: timedelta, zone: ZoneInfo) -> int:
    """When the wall shows that much since the day's midnight. More than 24 hours reach into the next day."""
    shown = (datetime.combine(day, time()) + since_midnight).replace(tzinfo=zone)
    found = _ms(shown)
    if local(found, zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return found
    return _jump(_ms(shown.replace(fold=1)), found, zone)


def since_midnight(at: int, day: date, zone: ZoneInfo) -> timedelta:
    """What the wall shows since the midnight of `day`. The second pass through an hour that comes twice counts as its
    end, so that what is later never shows less."""
    shown = local(at, zone)
    if shown.fold:
        jump = _jump(at - round(_LONGEST_JUMP.total_seconds() * 1000), at, zone)
        before = shown.replace(fold=0).utcoffset() or timedelta()
        shown = local(jump, zone).astimezone(UTC) + before
    return shown.replace(tzinfo=None) - datetime.combine(day, time())


def _ms(shown: datetime) -> int:
    return (shown.astimezone(UTC) - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _jump(low: int, high: int, zone: ZoneInfo) -> int:
    """The first moment after `low` and up to `high` with the offset that `high` has."""
    after = local(high, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if local(middle, zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high
