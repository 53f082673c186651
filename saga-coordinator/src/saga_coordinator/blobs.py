"""Large values of stored JSON, put aside by their content.

In a stored text of more than `LIMIT` bytes, a value of the user's that is larger than that itself is replaced by
`{"$blob": "<SHA-256 of its JSON>"}`, the innermost first, so that the same value has the same name wherever it is
carried. What is put aside may refer to more. Fields of the vocabulary are never put aside: a follower reads every
entry without the contents. A user's own key `$blob` is kept as `$$blob`, `$$blob` as `$$$blob`.

A text without any of this is stored, and read, as it is: finding that out is one search for a byte.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

LIMIT = 64_000
BLOB = "$blob"
_MARK = b'$blob"'
_SEALED = "$sealed"
# The fields that hold what users and systems gave: variables, data of commands and answers, of events and people.
_VALUES = frozenset({"variables", "values", "input", "output", "payload", "details", "snapshot"})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def put_aside(text: bytes, aside: dict[str, bytes]) -> bytes:
    """`text` (JSON) as it is stored; the contents that it then refers to are added to `aside`, by digest."""
    marked = _is_marked(text)
    if len(text) <= LIMIT and not marked:
        return text
    value = _decode(text)
    if marked:
        value = _renamed(value, _escape)
    if len(text) > LIMIT:
        value = _structure(value, aside)
    return _encode(value)


def referred(text: bytes) -> set[str]:
    """The digests of the contents that a stored text refers to itself."""
    return set(_references(_decode(text))) if _is_marked(text) else set()


def whole(text: bytes, contents: Mapping[str, bytes]) -> bytes:
    """A stored text with everything in its place again. Raises `KeyError` on a digest that `contents` lacks."""
    if not _is_marked(text):
        return text
    return _encode(_renamed(_filled(_decode(text), contents), _unescape))


def _is_marked(text: bytes) -> bool:
    return b"$" in text and _MARK in text  # a search for one byte costs next to nothing


def _structure(value: Any, aside: dict[str, bytes]) -> Any:
    """Large values in fields for values, however deep in the vocabulary."""
    if isinstance(value, list):
        return [_structure(item, aside) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _shrunk(item, aside) if name in _VALUES else _structure(item, aside) for name, item in value.items()}


def _shrunk(value: Any, aside: dict[str, bytes]) -> Any:
    if not isinstance(value, str | dict | list):
        return value
    text = _encode(value)
    if len(text) <= LIMIT:
        return value
    if isinstance(value, list):
        value = [_shrunk(item, aside) for item in value]
    elif isinstance(value, dict) and _SEALED not in value:
        value = {name: _shrunk(item, aside) for name, item in value.items()}
    if not isinstance(value, str):
        text = _encode(value)
    return _aside(text, aside) if len(text) > LIMIT else value


def _aside(text: bytes, aside: dict[str, bytes]) -> dict[str, str]:
    digest = hashlib.sha256(text).hexdigest()
    aside[digest] = text
    return {BLOB: digest}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if BLOB in value:
            yield value[BLOB]
        else:
            for item in value.values():
                yield from _references(item)


def _filled(value: Any, contents: Mapping[str, bytes]) -> Any:
    if isinstance(value, list):
        return [_filled(item, contents) for item in value]
    if not isinstance(value, dict):
        return value
    if BLOB in value:
        return _filled(_decode(contents[value[BLOB]]), contents)
    return {name: _filled(item, contents) for name, item in value.items()}


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(item, rename) for item in value]
    if not isinstance(value, dict):
        return value
    return {rename(name): _renamed(item, rename) for name, item in value.items()}


def _escape(name: str) -> str:
    return f"${name}" if _is_dollars_blob(name) else name


def _unescape(name: str) -> str:
    return name[1:] if _is_dollars_blob(name) else name


def _is_dollars_blob(name: str) -> bool:
    return name.endswith(BLOB) and not name[: -len(BLOB)].strip("$")
