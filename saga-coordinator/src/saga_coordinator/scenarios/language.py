"""The scenario language as values (`docs/scenarios.md` describes it). Unknown words are refused."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from saga_coordinator.scenarios import yaml12

MONDAY = "2026-01-05T09:00:00Z"
_FILE_FIELDS = {"process", "scenarios", "description"}
FIELDS = {
    "name", "process", "start", "now", "auto", "hold", "choices", "items", "calls", "steps", "expect", "skip",
    "description",
}  # fmt: skip
START_FIELDS = {"process", "event", "payload", "key", "variables"}
EXPECT_FIELDS = {
    "status", "open", "entered", "entered_any_order", "completed", "completed_any_order", "undone", "variables",
    "incidents", "rejected",
}  # fmt: skip
_ADDRESS = re.compile(r"^(?P<id>[^#\[\]]+)(?:#(?P<nth>\d+)|\[(?P<item>\d+)\])?$")


class BadScenario(Exception):
    """The scenario file does not say what it means."""


@dataclass(frozen=True, slots=True)
class Address:
    """`id`, `id#n` (the n-th open one) or `id[n]` (the n-th item of a multi-instance)."""

    element: str
    nth: int | None = None
    item: int | None = None

    @classmethod
    def read(cls, value: Any) -> "Address":
        """Parse an address. Raises `BadScenario`."""
        match = _ADDRESS.match(value) if isinstance(value, str) else None
        if match is None:
            raise BadScenario(f"{value!r} is no address: write id, id#n or id[n]")
        nth, item = match["nth"], match["item"]
        return cls(match["id"].strip(), int(nth) if nth else None, int(item) if item else None)

    def __str__(self) -> str:
        suffix = f"#{self.nth}" if self.nth else f"[{self.item}]" if self.item else ""
        return self.element + suffix


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a scenario: its verb, what the verb is about, and its companions."""

    verb: str
    subject: Any
    companions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """How the instance begins."""

    process: str | None = None
    event: str | None = None
    payload: Any = None
    key: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. `start` None: it waits for a trigger. `hold` None: everything is held. `answered` are the
    elements that its steps answer for, `answered_as_system` those with an outcome that a person cannot give."""

    name: str
    processes: tuple[str, ...]
    start: Start | None
    now: str
    auto: bool
    hold: frozenset[str] | None
    choices: dict[str, list[list[str]]]
    items: dict[str, int]
    calls: dict[str, str]
    steps: list[Action]
    expect: dict[str, Any]
    skip: str | None = None
    answered: frozenset[str] = frozenset()
    answered_as_system: frozenset[str] = frozenset()

    def holds(self, element: str) -> bool:
        """Whether the activity waits for a step of the scenario."""
        return self.hold is None or element in self.hold


@dataclass(frozen=True, slots=True)
class Misread:
    """A scenario that does not say what it means, and why."""

    name: str
    reason: str


_AS_SYSTEM = {"reject", "accept", "unavailable", "unknown"}  # outcomes that only a system gives
_AT_WORK = _AS_SYSTEM | {"complete", "late"}
VERBS: dict[str, set[str]] = {
    "complete": {"output", "times", "references"},
    "reject": {"code", "message", "details"},
    "accept": {"reference"},
    "unavailable": {"retry_after", "reason"},
    "unknown": {"probe", "output", "reason", "references"},
    "late": {"output", "references"},
    "trigger": {"on", "payload"},
    "message": set(),
    "signal": set(),
    "escalate": set(),
    "error": set(),
    "condition": set(),
    "choose": set(),
    "advance": set(),
    "operator": set(),
    "expect": set(),
}


def read(path: Path) -> list[Scenario | Misread]:
    """The scenarios of a file: one that does not say what it means does not keep the others from being played. Raises
    `BadScenario` where nothing can be read."""
    try:
        document = yaml12.load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadScenario(f"cannot be read: {error}") from error
    document = _mapping(document, "the file", _FILE_FIELDS | {"auto", "hold", "now"})
    entries = document.get("scenarios")
    if not isinstance(entries, list):
        raise BadScenario("scenarios: a list is expected")
    return [_read(entry, document, number) for number, entry in enumerate(entries, 1)]


def _read(value: Any, document: dict[str, Any], number: int) -> Scenario | Misread:
    name = value.get("name") if isinstance(value, dict) else None
    name = str(name or f"scenario {number}")
    try:
        return _scenario(value, document, name)
    except BadScenario as error:
        return Misread(name, str(error))


def is_scenario_file(path: Path) -> bool:
    """Whether a YAML file has scenarios in it, as far as a glance tells."""
    try:
        return re.search(r"^scenarios\s*:", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _mapping(value: Any, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadScenario(f"{where}: fields are expected, not {value!r}")
    unknown = [str(name) for name in value if name not in known]
    if unknown:
        raise BadScenario(f"{where}: {', '.join(unknown)} is not known here")
    return value


def _scenario(value: Any, document: dict[str, Any], name: str) -> Scenario:
    entry = _mapping(value, "a scenario", FIELDS)
    steps = entry.get("steps") or []
    if not isinstance(steps, list):
        raise BadScenario("steps: a list is expected")
    steps = [_action(step) for step in steps]
    return Scenario(
        name=name,
        processes=_processes(entry.get("process", document.get("process"))),
        start=_start(entry.get("start", {})),
        now=str(entry.get("now", document.get("now", MONDAY))),
        auto=bool(entry.get("auto", document.get("auto", False))),
        hold=_hold(entry.get("hold", document.get("hold", []))),
        choices=_choices(entry.get("choices") or {}),
        items=_counts(entry.get("items") or {}),
        calls=_calls(entry.get("calls") or {}),
        steps=steps,
        answered=frozenset(element for step in steps for element in _named(step)),
        answered_as_system=frozenset(_element(step.subject) for step in steps if step.verb in _AS_SYSTEM),
        expect=expectations(entry.get("expect") or {}),
        skip=str(entry["skip"]) if entry.get("skip") else None,
    )


def _named(action: Action) -> Iterator[str]:
    """The elements that a step names: somebody is at work on them until it comes."""
    if action.verb in _AT_WORK:
        yield _element(action.subject)
    if action.verb == "trigger" and "on" in action.companions:
        yield _element(action.companions["on"])
    if isinstance(action.subject, dict):
        fields = {"error": ("step",), "escalate": ("step",), "operator": ("skip", "move")}.get(action.verb, ())
        yield from (_element(action.subject[field]) for field in fields if field in action.subject)


def _element(address: Any) -> str:
    return Address.read(address).element


def _processes(value: Any) -> tuple[str, ...]:
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list) or not files or not all(isinstance(file, str) for file in files):
        raise BadScenario("process: a file name or a list of them is expected")
    return tuple(files)


def _start(value: Any) -> Start | None:
    if value in ("none", None):
        return None
    fields = _mapping({"event": value} if isinstance(value, str) else value, "start", START_FIELDS)
    key = fields.get("key")
    return Start(
        process=fields.get("process"),
        event=fields.get("event"),
        payload=fields.get("payload"),
        key=str(key) if key is not None else None,
        variables=fields.get("variables") or {},
    )


def _hold(value: Any) -> frozenset[str] | None:
    if value == "all":
        return None
    ids = [value] if isinstance(value, str) else value or []
    if not isinstance(ids, list):
        raise BadScenario("hold: all, or a list of element ids")
    return frozenset(str(element) for element in ids)


def _choices(value: Any) -> dict[str, list[list[str]]]:
    if not isinstance(value, dict):
        raise BadScenario("choices: flows per gateway are expected")
    return {gateway: [_flows(visit) for visit in _list(visits)] for gateway, visits in value.items()}


def _counts(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(isinstance(count, int) and count >= 0 for count in value.values()):
        raise BadScenario("items: a number of items per activity is expected")
    return {str(activity): count for activity, count in value.items()}


def _calls(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(file, str) for file in value.values()):
        raise BadScenario("calls: a file (file.bpmn#process) per call activity is expected")
    return {str(activity): file for activity, file in value.items()}


def _flows(value: Any) -> list[str]:
    return [str(flow) for flow in _list(value)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _action(value: Any) -> Action:
    if not isinstance(value, dict):
        raise BadScenario(f"a step is written as `verb: address`, not {value!r}")
    verbs = [name for name in value if name in VERBS and not (name == "message" and "reject" in value)]
    if len(verbs) != 1:
        raise BadScenario(f"a step has one verb, not {', '.join(map(str, value))}")
    verb = verbs[0]
    companions = _mapping({k: v for k, v in value.items() if k != verb}, verb, VERBS[verb])
    subject = expectations(value[verb] or {}) if verb == "expect" else value[verb]
    return Action(verb, subject, companions)


def expectations(value: Any) -> dict[str, Any]:
    """Check the names of expectations."""
    return _mapping(value, "expect", EXPECT_FIELDS)
