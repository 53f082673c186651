"""Journal entries as the monitor reads them: only what it needs, and anything newer than itself.

A fact is one open struct, not one of many: a fact of an unknown name is still a fact, with the fields that are known.
"""

from typing import Any, TypeVar

import msgspec

from monitor_service.errors import Unreadable
from service_kit.messages import ENTRIES_FORGOTTEN, JOURNAL_ENTRY, CloudEvent


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One row of an instance's journal; `facts` is JSON, `at` in ms."""

    instance: str
    seq: int
    at: int
    facts: msgspec.Raw
    process: str = ""
    version: int = 0
    business_key: str | None = None


class Forgotten(msgspec.Struct, frozen=True, gc=False):
    """An instance's entries up to `up_to` are to be forgotten; `purged`: there are no others to be had."""

    instance: str
    up_to: int
    purged: bool = False


class Fact(msgspec.Struct, frozen=True, gc=False):
    """What happened, as far as the index is concerned."""

    fact: str
    step: int = 0
    element: str | None = None
    kind: str = ""
    status: str = ""
    system: str = ""
    operation: str = ""
    references: dict[str, Any] = {}
    code: str = ""
    message: str = ""
    process: str = ""
    version: int = 0
    business_key: str | None = None
    parent: str | None = None
    lingers: bool = False
    by: str | None = None


class Told(msgspec.Struct, frozen=True):
    """What happened, as a timeline tells it."""

    fact: str
    step: int | None = None
    element: str | None = None
    kind: str = ""
    attempt: int = 0
    system: str = ""
    operation: str = ""
    waits_for: str = ""
    code: str = ""
    message: str = ""
    reason: str | None = None
    retry_at: int | None = None
    verdict: str = ""
    order: int = 0
    into: int = 0
    steps: list[int] = []
    lingers: bool = False
    late: bool = False
    null: bool = False
    action: str = ""
    by: str | None = None
    scope: int = 0
    item: int | None = None
    total: int | None = None
    child: str | None = None
    name: str | None = None
    what: str | None = None
    outcome: str | None = None
    evidence: str | None = None
    before: Any = None
    after: Any = None
    status: str = ""


class _Named(msgspec.Struct):
    fact: str = "unknown"


F = TypeVar("F", Fact, Told)
_entry = msgspec.json.Decoder(Entry)
_forgotten = msgspec.json.Decoder(Forgotten)
_facts = msgspec.json.Decoder(list[Fact])
_told = msgspec.json.Decoder(list[Told])
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def told_by(event: CloudEvent) -> Entry | Forgotten:
    """What a message on the queue tells. Raises `Unreadable`."""
    if event.type != ENTRIES_FORGOTTEN:
        return entry_of(event)
    try:
        return _forgotten.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"it does not say what to forget: {error}") from error


def entry_of(event: CloudEvent) -> Entry:
    """The entry in a message. Raises `Unreadable`."""
    if event.type != JOURNAL_ENTRY:
        raise Unreadable(f"no journal entry is of type {event.type!r}")
    try:
        entry = _entry.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"not a journal entry: {error}") from error
    if entry.seq < 1 or bytes(entry.facts)[:1] != b"[":
        raise Unreadable("not a journal entry: its seq or its facts cannot be")
    return entry


def facts_of(facts: bytes | msgspec.Raw) -> list[Fact]:
    """For the index."""
    try:
        return _facts.decode(facts)
    except msgspec.ValidationError:
        return [_lenient(raw, Fact) for raw in _raws.decode(facts)]


def told_of(facts: bytes) -> list[Told]:
    """For a timeline."""
    try:
        return _told.decode(facts)
    except msgspec.ValidationError:
        return [_lenient(raw, Told) for raw in _raws.decode(facts)]


def _lenient(raw: msgspec.Raw, kind: type[F]) -> F:
    """A fact whose fields have other types than we know is kept by its name, as one that we do not know."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        try:
            name = msgspec.json.decode(raw, type=_Named).fact
        except msgspec.ValidationError:
            name = "unknown"
        return kind(fact=f"{name}?")
