"""Operators' acts in words: who did what. Why, and what was before and after, stand beside it."""

from typing import Any

_WORDS = {
    "retry": "tried {step} again",
    "cancel": "cancelled the instance",
    "skip": "skipped {step}",
    "move": "moved the token at {step} to {to}",
    "by-hand": "undid {step} by hand",
    "suspend": "suspended the instance",
    "resume": "let the instance go on",
    "migrate": "took the instance from version {old} to version {new}",
    "set-variables": "gave {names} new values",
    "fire-event": "let {element} happen at {step}",
}


def in_words(action: str, by: str | None, element: str | None, before: Any, after: Any) -> str:
    """What somebody did, as a sentence without its end. `element` is the step's; an act of a newer version is told by
    its name."""
    was, now = _object(before), _object(after)
    names = ", ".join(sorted(_object(now.get("variables"))))
    told = _WORDS.get(action, action).format(
        step=element or "every step with an incident",
        to=now.get("element", "another element"),
        element=now.get("element", "an event"),
        old=was.get("version", "?"),
        new=now.get("version", "?"),
        names=names or "no variable",
    )
    return f"{by or 'Somebody'} {told}{_how(action, now)}"


def _how(action: str, now: dict[str, Any]) -> str:
    if action == "retry" and "input" in now:
        return " with another input"
    if action == "retry" and "happened" in now:
        return ", saying that it happened" if now["happened"] else ", saying that it did not happen"
    if action == "cancel":
        return " and has it undone" if now.get("undo") else " without undo"
    return ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
