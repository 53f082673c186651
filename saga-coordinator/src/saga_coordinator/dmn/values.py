"""Values of decision tables: what a cell writes down (FEEL literals), and JSON values read as a column's type.

Dates and times travel as ISO 8601 texts in JSON. Without an offset they are UTC; a date stands for its midnight where
it is compared with a date and time.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from saga_coordinator.engine import times
from service_kit.expressions import LARGEST_INTEGER


class BadValue(ValueError):
    """Not a literal, or not a value of the type that is asked for."""


class Kind(StrEnum):
    """Types that columns may have."""

    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date and time"
    TIME = "time"
    DURATION = "duration"


# FEEL's names, and those that older modellers write. None: anything goes.
TYPES: dict[str, Kind | None] = {
    "any": None,
    "number": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "long": Kind.NUMBER,
    "double": Kind.NUMBER,
    "string": Kind.STRING,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "datetime": Kind.DATE_TIME,
    "date and time": Kind.DATE_TIME,
    "daytimeduration": Kind.DURATION,
    "days and time duration": Kind.DURATION,
}
_TEXT = r'"(?:\\.|[^"\\])*"'
LITERAL = (
    rf"(?:{_TEXT}|@\s*{_TEXT}|(?:date\s+and\s+time|date|time|duration)\s*\(\s*{_TEXT}\s*\)"
    r"|-?(?:\d+(?:\.\d+)?|\.\d+)(?![\w])|(?:true|false|null)\b)"
)
_LITERAL = re.compile(LITERAL)
_CALL = re.compile(rf"(?P<name>@|date\s+and\s+time|date|time|duration)\s*\(?\s*(?P<text>{_TEXT})")
_WORDS = {"true": True, "false": False, "null": None}


def literal(source: str) -> Any:
    """The value that is written down. Raises `BadValue`."""
    text = source.strip()
    if _LITERAL.fullmatch(text) is None:
        raise BadValue(f"{text!r} is no literal")
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith('"'):
        return _unquoted(text)
    call = _CALL.match(text)
    if call is None:
        return _written_number(text)
    written, name = _unquoted(call["text"]), re.sub(r"\s+", " ", call["name"])
    return _guessed(written) if name == "@" else _READERS[Kind(name)](written)


def _written_number(text: str) -> int | float:
    if abs(float(text)) > LARGEST_INTEGER:
        raise BadValue(f"{text} is beyond 2^53 - 1: write it as a text")
    return float(text) if "." in text else int(text)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError as error:
        raise BadValue(f"{text} is no text: {error}") from error


def typed(value: Any, kind: Kind | None) -> Any:
    """A JSON value as a value of the kind (None: as it is); null stays null. Raises `BadValue`."""
    if value is None or kind is None:
        return value
    return _READERS[kind](value)


def plain(value: Any) -> Any:
    """The same as JSON."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return _duration_text(value)
    return value.isoformat() if isinstance(value, date | time) else value


def kind_of(value: Any) -> Kind | None:
    """The kind of a value; None for null, lists and objects."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, datetime):
        return Kind.DATE_TIME
    return next((kind for cls, kind in _CLASSES if isinstance(value, cls)), None)


def compared(left: Any, right: Any) -> int | None:
    """Negative, 0 or positive; None where the two have no order. A text is read as what the other side is."""
    left, right = _aligned(left, right), _aligned(right, left)
    kinds = {kind_of(left), kind_of(right)}
    if kinds == {Kind.DATE, Kind.DATE_TIME}:
        left, right = _midnight(left), _midnight(right)
    elif len(kinds) != 1 or kinds <= {None, Kind.BOOLEAN}:
        return None
    return int(left > right) - int(left < right)


def same(left: Any, right: Any) -> bool:
    """Whether the two are equal; 1 is not true, and a text is read as what the other side is."""
    order = compared(left, right)
    return order == 0 if order is not None else kind_of(left) is kind_of(right) and bool(left == right)


def _aligned(value: Any, other: Any) -> Any:
    kind = kind_of(other)
    if isinstance(value, str) and kind in {Kind.DATE, Kind.DATE_TIME, Kind.TIME, Kind.DURATION}:
        try:
            return _READERS[kind](value)
        except BadValue:
            return value
    return value


def _midnight(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"{value!r} is no number")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{value!r} is no text")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"{value!r} is neither true nor false")
    return value


def _date(value: Any) -> date:
    """A date, or a date and time: older modellers call both a date."""
    text = _iso(value, "date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        return _date_time(value)


def _date_time(value: Any) -> datetime:
    text = _iso(value, "date and time")
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadValue(f"{text!r} is no ISO 8601 date and time") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _time(value: Any) -> time:
    text = _iso(value, "time")
    try:
        parsed = time.fromisoformat(text)
    except ValueError:
        raise BadValue(f"{text!r} is no ISO 8601 time") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _duration(value: Any) -> timedelta:
    text = _iso(value, "duration")
    try:
        parsed = times.duration(text)
    except (times.BadTime, OverflowError) as error:
        raise BadValue(f"{text!r} is no duration: {error}") from None
    if parsed.months:
        raise BadValue(f"{text!r}: years and months have no fixed length")
    return timedelta(milliseconds=parsed.ms)


def _iso(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{value!r} is no {what}: one is written as an ISO 8601 text")
    return value.strip()


def _guessed(text: str) -> Any:
    for kind in (Kind.DATE, Kind.TIME, Kind.DURATION):
        try:
            return _READERS[kind](text)
        except BadValue:
            continue
    raise BadValue(f"@{text!r} is no ISO 8601 date, time or duration")


def _duration_text(value: timedelta) -> str:
    seconds = round(value.total_seconds(), 3)
    return f"{'-' if seconds < 0 else ''}PT{abs(seconds):g}S"


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.NUMBER: _number,
    Kind.STRING: _string,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATE_TIME: _date_time,
    Kind.TIME: _time,
    Kind.DURATION: _duration,
}
_CLASSES: tuple[tuple[type | tuple[type, ...], Kind], ...] = (
    ((int, float), Kind.NUMBER),
    (str, Kind.STRING),
    (date, Kind.DATE),
    (time, Kind.TIME),
    (timedelta, Kind.DURATION),
)
