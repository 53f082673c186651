"""What a timeline is made of: steps with their attempts, probes and undo, and what happened beside them."""

from typing import Any

import msgspec


class Attempt(msgspec.Struct):
    """A command and its outcome; times in ms."""

    attempt: int
    sent_at: int
    answered_at: int | None = None
    outcome: str | None = None
    code: str | None = None
    reason: str | None = None
    retry_at: int | None = None


class Probe(msgspec.Struct):
    """A question whether an attempt was applied, and the answer."""

    attempt: int
    sent_at: int
    answered_at: int | None = None
    verdict: str | None = None


class Undo(msgspec.Struct):
    """How a step's effect was taken back, by the step `step`; its attempts and probes are the undo's."""

    status: str
    step: int | None
    started_at: int
    operation: str | None = None
    ended_at: int | None = None
    attempts: list[Attempt] = []
    probes: list[Probe] = []


class Items(msgspec.Struct):
    """How far an activity is that is done several times; a loop has no `total`."""

    total: int | None = None
    done: int = 0


class Step(msgspec.Struct):
    """One activity. `shown`: something happened in it that is worth telling; gateways only pass tokens on. `item`: it
    is one of several (from 1) of an activity that is a step itself, with `items`. `child`: the instance that it called.
    """

    step: int
    element: str
    started_at: int
    status: str = "running"
    ended_at: int | None = None
    system: str | None = None
    operation: str | None = None
    attempts: list[Attempt] = []
    probes: list[Probe] = []
    undo: Undo | None = None
    shown: bool = False
    undoes: int | None = None
    item: int | None = None
    items: Items | None = None
    child: str | None = None


class Event(msgspec.Struct, omit_defaults=True):
    """Something that happened to the instance beside its steps: an operator's act, a late reply, a message or signal
    `name`, what it told its caller or a `child` of it (`what`), a fact of a newer version that this one does not know.
    Of an act: `text` tells it in words, `message` is the reason; `before` and `after` have the instance's `status`, and
    what the act replaced."""

    at: int
    seq: int
    fact: str
    step: int | None = None
    element: str | None = None
    code: str | None = None
    message: str | None = None
    by: str | None = None
    name: str | None = None
    child: str | None = None
    what: str | None = None
    text: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    evidence: str | None = None
