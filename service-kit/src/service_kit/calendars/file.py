"""Calendars in YAML.

factory:
  time_zone: Asia/Shanghai
  week: {mon-fri: ["08:00-12:00", "13:00-17:30"], sat: ["08:00-12:00"]}
  holidays: CN                                     # or a part of a country: DE-BY
  closed: [2026-08-03, 2026-08-10..2026-08-14]     # besides the holidays
  open: [2026-08-22]                               # although it is a weekend, a holiday
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from service_kit.calendars import holidays_of, wall_clock
from service_kit.calendars.errors import CalendarError
from service_kit.calendars.working import Calendar, Span

_FIELDS = frozenset({"time_zone", "week", "holidays", "closed", "open", "description"})
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_WHOLE_DAY = timedelta(days=1)
_LONGEST_LIST = 3_660


def load(path: Path) -> dict[str, Calendar]:
    """The calendars of a file by name. Raises `CalendarError`, which says where."""
    try:
        return read(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarError(f"{path.name} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise CalendarError(f"{path.name} is no YAML: {error}") from error
    except CalendarError as error:
        raise CalendarError(f"{path.name}: {error}") from error


def read(document: Any) -> dict[str, Calendar]:
    """The calendars of a parsed file. Raises `CalendarError`."""
    if not isinstance(document, dict):
        raise CalendarError("calendars by name are expected")
    return {str(name): _named(str(name), fields) for name, fields in document.items()}


def _named(name: str, fields: Any) -> Calendar:
    try:
        return _calendar(name, fields)
    except CalendarError as error:
        raise CalendarError(f"calendar {name}: {error}") from error


def _calendar(name: str, fields: Any) -> Calendar:
    if not isinstance(fields, dict):
        raise CalendarError("time_zone, week and so on are expected")
    unknown = sorted(str(field) for field in fields if field not in _FIELDS)
    if unknown:
        raise CalendarError(f"{', '.join(unknown)}: there is no such field ({', '.join(sorted(_FIELDS))})")
    closed, opened = (frozenset(_dates(fields.get(field), field)) for field in ("closed", "open"))
    if both := sorted(closed & opened):
        raise CalendarError(f"{both[0]} is both closed and open")
    return Calendar(
        name,
        zone=wall_clock.zone(str(fields.get("time_zone", "UTC"))),
        week=_week(fields.get("week")),
        place=_place(fields.get("holidays")),
        closed=closed,
        opened=opened,
    )


def _place(value: Any) -> str:
    if value is None:
        return ""
    place = "NO" if value is False else str(value)  # YAML reads Norway as a no
    holidays_of.check(place)
    return place


def _week(value: Any) -> dict[int, tuple[Span, ...]]:
    if not isinstance(value, dict) or not value:
        raise CalendarError("week: hours by days are expected, as {mon-fri: ['08:00-17:00']}")
    week: dict[int, tuple[Span, ...]] = {}
    for days, hours in value.items():
        spans = _spans(hours, str(days))
        for weekday in _weekdays(str(days)):
            if weekday in week:
                raise CalendarError(f"week: {_DAYS[weekday]} is there twice")
            week[weekday] = spans
    if not any(week.values()):
        raise CalendarError("week: no day has hours")
    return week


def _weekdays(text: str) -> range:
    first, _, last = (part.strip() for part in text.lower().partition("-"))
    if first not in _DAYS or (last or first) not in _DAYS:
        raise CalendarError(f"week: {text!r} is no day or range of days ({', '.join(_DAYS)})")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    if end < begin:
        raise CalendarError(f"week: {text!r} runs backwards")
    return range(begin, end + 1)


def _spans(value: Any, days: str) -> tuple[Span, ...]:
    if not isinstance(value, list):
        raise CalendarError(f"week: {days}: a list of hours is expected, as ['08:00-17:00']")
    spans = tuple(_span(text, days) for text in value)
    for (_, end), (begin, _) in pairwise(spans):
        if begin < end:
            raise CalendarError(f"week: {days}: the hours overlap or are not in order")
    return spans


def _span(value: Any, days: str) -> Span:
    match = _SPAN.fullmatch(str(value).strip())
    begin, end = (_time(match[1], match[2]), _time(match[3], match[4])) if match is not None else (None, None)
    if begin is None or end is None or begin == _WHOLE_DAY:
        raise CalendarError(f"week: {days}: {value!r} is no time from 00:00 to 24:00, as 08:00-17:00")
    return begin, end if end > begin else end + _WHOLE_DAY


def _time(hour: str, minute: str) -> timedelta | None:
    found = timedelta(hours=int(hour), minutes=int(minute))
    return found if found <= _WHOLE_DAY and int(minute) < 60 else None


def _dates(value: Any, field: str) -> Iterator[date]:
    if not isinstance(value or [], list):
        raise CalendarError(f"{field}: a list of dates is expected")
    for entry in value or []:
        first, _, last = str(entry).partition("..")
        begin = _date(first, field)
        end = _date(last, field) if last else begin
        if not 0 <= (end - begin).days < _LONGEST_LIST:
            raise CalendarError(f"{field}: {entry} is no range of dates")
        yield from (begin + timedelta(days=day) for day in range((end - begin).days + 1))


def _date(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise CalendarError(f"{field}: {text!r} is no date, as 2026-08-03 or 2026-08-10..2026-08-14") from None
