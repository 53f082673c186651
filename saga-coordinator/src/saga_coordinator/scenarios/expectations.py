"""Comparing a run with what a scenario expects, and saying readably how it differs."""

import difflib
from collections import Counter
from collections.abc import Callable
from typing import Any

from saga_coordinator.scenarios import interleaving
from saga_coordinator.scenarios.observations import incidents, observe, variables
from saga_coordinator.scenarios.stage import Stage
from service_kit import expressions


class Unexpected(Exception):
    """Something is not as expected; the message says what, line by line."""


def check(stage: Stage, expected: dict[str, Any]) -> None:
    """Raises `Unexpected` with every difference."""
    problems = [
        problem
        for name, value in expected.items()
        if name in _CHECKS and (problem := _CHECKS[name](stage, value)) is not None
    ]
    if problems:
        raise Unexpected("\n".join(problems))


def _status(stage: Stage, expected: Any) -> str | None:
    actual = observe(stage).status
    return None if actual == expected else f"status: expected {expected}, but it is {actual or 'not started'}"


def _in_order(name: str) -> Callable[[Stage, Any], str | None]:
    def compare(stage: Stage, expected: Any) -> str | None:
        actual: list[str] = getattr(observe(stage), name)
        wanted = _list(name, expected)
        if interleaving.matches(wanted, actual):
            return None
        return f"{name}:\n{_difference(interleaving.flat(wanted), actual)}"

    return compare


def _as_multiset(name: str, label: str) -> Callable[[Stage, Any], str | None]:
    def compare(stage: Stage, expected: Any) -> str | None:
        actual = Counter(getattr(observe(stage), name))
        wanted = Counter(str(element) for element in _list(label, expected))
        if actual == wanted:
            return None
        return f"{label}:{_missing_and_more(wanted, actual)}"

    return compare


def _missing_and_more(wanted: Counter[str], actual: Counter[str]) -> str:
    missing, more = sorted((wanted - actual).elements()), sorted((actual - wanted).elements())
    text = f" missing {', '.join(missing)};" if missing else ""
    return (text + (f" unexpected {', '.join(more)}" if more else "")).rstrip(";")


def _variables(stage: Stage, expected: Any) -> str | None:
    root, problems = variables(stage), []
    for source, wanted in expected.items():
        try:
            actual = expressions.compile(str(source))(root)
        except expressions.ExpressionError as error:
            problems.append(f"variables: {source}: {error}")
            continue
        if actual != wanted:
            problems.append(f"variables: {source}: expected {wanted!r}, but it is {actual!r}")
    return "\n".join(problems) or None


def _incidents(stage: Stage, expected: Any) -> str | None:
    left = incidents(stage)
    missing = []
    for wanted in _list("incidents", expected):
        found = next((entry for entry in left if wanted.items() <= entry.items()), None)
        if found is None:
            missing.append(wanted)
        else:
            left.remove(found)
    if not missing and not left:
        return None
    text = [f"missing {_incident(entry)}" for entry in missing] + [f"unexpected {_incident(entry)}" for entry in left]
    return f"incidents: {'; '.join(text)}"


def _incident(entry: dict[str, str]) -> str:
    return f"{entry.get('code', 'any')} at {entry.get('step', 'any step')}"


def _rejected(stage: Stage, expected: Any) -> str | None:
    return f"rejected: expected {expected}, but the file was not refused"


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unexpected(f"{name}: a list is expected in the scenario, not {value!r}")
    return value


def _difference(expected: list[str], actual: list[str]) -> str:
    lines = difflib.ndiff(expected, actual)
    return "\n".join(f"    {_SIGNS[line[0]]}{line[2:]}" for line in lines if line[0] in _SIGNS)


_SIGNS = {" ": "  ", "-": "- ", "+": "+ "}
_CHECKS: dict[str, Callable[[Stage, Any], str | None]] = {
    "status": _status,
    "open": _as_multiset("open", "open"),
    "entered": _in_order("entered"),
    "entered_any_order": _as_multiset("entered", "entered_any_order"),
    "completed": _in_order("completed"),
    "completed_any_order": _as_multiset("completed", "completed_any_order"),
    "undone": _in_order("undone"),
    "variables": _variables,
    "incidents": _incidents,
    "rejected": _rejected,
}
