"""What of inputs and facts came from the outside, by the names of their fields, and what is left when it is erased.

Every field of the vocabulary is named here, as one that is kept or in one of the kinds that are erased.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

ERASED: Mapping[str, bool] = {"$erased": True}
ERASED_TEXT = "$erased"
# Data of events, people and systems: any JSON.
VALUES = frozenset(
    {"variables", "values", "input", "output", "payload", "details", "own", "result", "edited", "before", "after"}
)
# What systems and expressions said, in words, and who was to do it.
TEXTS = frozenset({"message", "reason", "documents", "assignee"})
# How business objects are called.
IDENTIFIERS = frozenset({"business_key", "references", "reference", "key", "names", "holders"})
# What happened, to what, when, and by whom.
KEPT = frozenset(
    {
        *("id", "instance", "at", "process", "version", "element", "by", "digest", "traceparent", "status", "scope"),
        *("step", "via", "flows", "steps", "into", "lingers", "parent", "completed", "waits_for", "candidate_groups"),
        *("form", "command", "kind", "attempt", "operation", "system", "hub_key", "timeout", "safe_to_repeat", "reads"),
        *("probe", "seals", "verify", "order", "step_class", "undo", "handler", "irreversible", "late", "code"),
        *("retry_at", "unsure", "verdict", "outcome", "timer", "due", "purpose", "repeat", "fired", "subscription"),
        *("name", "caught_by", "resume", "action", "then", "compensation", "orders", "null", "happened"),
        *("expected_seq", "identifiers", "retry_after", "parent_step", "partial", "item", "body", "total", "together"),
        *("signal", "condition", "held", "elements", "child", "call", "what", "count", "finished", "number", "times"),
        *("pivoted", "error", "to", "of", "evidence", "left"),
        *("cause", "suspended", "until", "presumed", "never", "awaits", "within"),
    }
)
T = TypeVar("T", bound=msgspec.Struct)


def erased(told: T, identifiers: bool) -> T:
    """An input or a fact without what came from the outside; `identifiers`: without what it is called by, too."""
    changes: dict[str, Any] = {}
    for name in told.__struct_fields__:
        value = getattr(told, name)
        if isinstance(value, msgspec.Struct):
            changes[name] = erased(value, identifiers)
        elif name in VALUES and value is not None and value != {}:
            items = isinstance(value, list) and name == "values"  # how many there were is what happened
            changes[name] = [dict(ERASED) for _ in value] if items else dict(ERASED)
        elif (name in TEXTS and not _is_own(told, name)) or (name in IDENTIFIERS and identifiers):
            changes[name] = {} if name == "holders" else _erased(value)
    return replace(told, **changes) if changes else told


def _is_own(told: msgspec.Struct, name: str) -> bool:
    """Whether it says why somebody acted: that stays, with who it was."""
    return name == "reason" and "by" in told.__struct_fields__


def erased_text(text: str | None, identifiers: bool) -> str | None:
    """A business key that is erased, if there is one and `identifiers` are."""
    return ERASED_TEXT if text is not None and identifiers else text


def _erased(value: Any) -> Any:
    if isinstance(value, dict):
        return dict.fromkeys(value, ERASED_TEXT)
    if isinstance(value, list):
        return [ERASED_TEXT for _ in value]
    return ERASED_TEXT if value else value
