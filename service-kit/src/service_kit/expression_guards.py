"""Limits around JSONata built-ins that make much out of little in one step, where the evaluator looks at no clock.

Most of them cannot be overridden, so an expression that names one is evaluated inside a block that shadows it with a
function of the same signature. What such functions make is counted for a whole evaluation.

Not bounded, and so left to the limit on what comes in and to whoever may deploy: concatenation may double a text until
the time limit ends it (some 100 MB), keys of objects are not counted, `$spread` of a million fields takes seconds, and
a result that holds one large text many times is written out as often.
"""

import threading
from collections.abc import Callable
from typing import Any

TEXT_LIMIT = 10_000_000
LIST_LIMIT = 100_000
PICTURE_LIMIT = 1_000
LARGEST_ROMAN = 1_000_000


class Refused(Exception):
    """A limit, or something that is not available; the message is for the author of the expression."""


class _Made(threading.local):
    characters = 0


_made = _Made()


def begin() -> None:
    """Forget what was made: a new evaluation begins."""
    _made.characters = 0


def spend(*lengths: float | None) -> None:
    """Count characters that are about to be made. Raises `Refused` beyond the limit."""
    _made.characters += sum(int(length) for length in lengths if length and length > 0)
    if _made.characters > TEXT_LIMIT:
        raise Refused(f"an expression may make {TEXT_LIMIT} characters of text")


def check_picture(picture: Any, number: Any = None) -> None:
    """Refuse a picture that is too long, and Roman numerals as long as the number is large."""
    if not isinstance(picture, str):
        return
    if len(picture) > PICTURE_LIMIT:
        raise Refused(f"a picture is limited to {PICTURE_LIMIT} characters")
    if "i" in picture.lower() and isinstance(number, int | float) and abs(number) > LARGEST_ROMAN:
        raise Refused(f"Roman numerals are limited to {LARGEST_ROMAN}")


def guarded(source: str) -> str:
    """The source with the built-ins that it names shadowed."""
    named = [name for name in _SHADOWS if name in source]
    if not named:
        return source
    shadows = "".join(f"${name}:=($native:=${name};{_SHADOWS[name]});" for name in named)
    return f"({shadows}\n{source}\n)"


def _join(length: float | None, count: float | None, separator: float | None) -> None:
    spend(length, (count or 0) * (separator or 0))


def _replace(text: Any, pattern: Any, by: Any, most: Any) -> None:
    """The most that a replacement can make; what a function gives is counted piece by piece instead."""
    if not isinstance(text, str) or not isinstance(by, str):
        return
    matches = text.count(pattern) if isinstance(pattern, str) and pattern else len(text)
    if isinstance(most, int | float):
        matches = min(matches, int(max(0, most)))
    spend(len(text) * (1 + by.count("$")), matches * len(by))


def _split(text: Any, pattern: Any) -> None:
    if isinstance(text, str) and isinstance(pattern, str):
        _count(text.count(pattern))


def _count(count: float | None) -> None:
    if count and count > LIST_LIMIT:
        raise Refused(f"a list is limited to {LIST_LIMIT} entries")


HOST_FUNCTIONS: dict[str, Callable[..., None]] = {
    "_spend": spend,
    "_join": _join,
    "_replace": _replace,
    "_split": _split,
    "_count": _count,
    "_picture": check_picture,
}

_PIECES = f"""function($text,$pattern,$most)<s-(sf)n?:a<s>>{{(
  $_split($text,$pattern);
  $pieces:=$native($text,$pattern,$type($most)="number" and $most<={LIST_LIMIT} ? $most : {LIST_LIMIT + 1});
  $_count($count($pieces));
  $pieces
)}}"""

_SHADOWS = {
    "join": """function($strings,$separator)<a<s>s?:s>{(
  $_join($sum($map($strings,$length)),$count($strings),$length($separator));
  $native($strings,$separator)
)}""",
    "replace": """function($text,$pattern,$by,$most)<s-(sf)(sf)n?:s>{(
  $_replace($text,$pattern,$by,$most);
  $native($text,$pattern,$type($by)!="function" ? $by : function($match){(
    $piece:=$by($match);
    $type($piece)="string" ? $_spend($length($piece));
    $piece
  )},$most)
)}""",
    # The second argument is anything: $map gives the position to whoever has two.
    "string": """function($value,$pretty)<x-x?:s>{(
  $type($value) in ["array","object"] ? $_spend($sum($value.**[$type($)="string"].$length($)));
  $type($pretty)="boolean" ? $native($value,$pretty) : $native($value)
)}""",
    "split": _PIECES,
    "match": _PIECES.replace("<s-(sf)n?:a<s>>", "<s-fn?:a<o>>"),
    "formatNumber": "function($n,$picture,$o)<n-so?:s>{($_picture($picture);$native($n,$picture,$o))}",
    "formatInteger": "function($n,$picture)<n-s:s>{($_picture($picture,$n);$native($n,$picture))}",
    "parseInteger": "function($text,$picture)<s-s:n>{($_picture($picture);$native($text,$picture))}",
    "fromMillis": "function($n,$picture,$zone)<n-s?s?:s>{($_picture($picture);$native($n,$picture,$zone))}",
}
