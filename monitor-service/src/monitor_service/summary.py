"""The fold of an instance's facts into what can be searched: one small, changing value for each open instance."""

from collections.abc import Callable

import msgspec

from monitor_service.entries import Fact

FINAL = frozenset({"completed", "compensated", "cancelled", "failed"})
LONGEST_ERROR = 2_000
# What is indexed is cut, so that every store can index it; these together with an instance's id fit PostgreSQL's limit.
LONGEST_KEY, LONGEST_NAME, LONGEST_SYSTEM = 500, 100, 40


class Document(msgspec.Struct, frozen=True, gc=False):
    """A business document that a step made."""

    system: str
    name: str
    number: str
    operation: str


class Incident(msgspec.Struct, gc=False):
    """A step that waits for a person, raised by entry `seq`; times in ms."""

    step: int
    seq: int
    element: str
    system: str
    operation: str
    code: str
    message: str
    raised_at: int
    resolved_at: int | None = None
    resolved_by: str | None = None


class Summary(msgspec.Struct):
    """An instance after its entries 1 to `seq`. `written` is the seq that the store knows; `fresh_...` is what it does
    not. `ahead`: entries beyond `seq` are stored already. `actor` is whose act the entry at hand is."""

    id: str
    process: str = ""
    version: int = 0
    business_key: str | None = None
    status: str = "running"
    started_at: int = 0
    ended_at: int | None = None
    error: str | None = None
    parent: str | None = None
    seq: int = 0
    written: int = 0
    ahead: bool = False
    elements: dict[int, str] = {}
    commands: dict[int, tuple[str, str]] = {}
    open_incidents: dict[int, Incident] = {}
    fresh_documents: list[Document] = []
    fresh_incidents: list[Incident] = []
    actor: str | None = None

    def apply(self, seq: int, at: int, facts: list[Fact]) -> None:
        """Fold the next entry."""
        self.seq = seq
        self.actor = next((fact.by for fact in facts if fact.fact == "operator-acted"), None)
        for fact in facts:
            fold = _FOLDS.get(fact.fact)
            if fold is not None:
                fold(self, fact, at)

    @property
    def root(self) -> str | None:
        """The first of the instances that called one another; None: nobody called this one."""
        return None if self.parent is None else self.id.partition(".")[0]

    def wrote(self) -> None:
        """The store knows all of it now."""
        self.written = self.seq
        self.fresh_documents = []
        self.fresh_incidents = []


def clean(text: str) -> str:
    """Text that both stores take: PostgreSQL has no NUL."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def _instance_started(summary: Summary, fact: Fact, at: int) -> None:
    summary.process, summary.version = clean(fact.process), fact.version
    summary.business_key = None if fact.business_key is None else clean(fact.business_key)[:LONGEST_KEY]
    summary.started_at = at
    summary.parent = None if fact.parent is None else clean(fact.parent)[:LONGEST_KEY]


def _status_changed(summary: Summary, fact: Fact, at: int) -> None:
    summary.status = clean(fact.status)[:LONGEST_NAME]
    summary.ended_at = at if fact.status in FINAL else None
    if fact.status == "completed":
        summary.error = None


def _migrated(summary: Summary, fact: Fact, at: int) -> None:
    summary.version = fact.version


def _entered(summary: Summary, fact: Fact, at: int) -> None:
    summary.elements[fact.step] = fact.element or ""


def _command_issued(summary: Summary, fact: Fact, at: int) -> None:
    if fact.kind != "probe":
        summary.commands[fact.step] = (fact.system, fact.operation)


def _step_completed(summary: Summary, fact: Fact, at: int) -> None:
    if fact.references:
        system, operation = summary.commands.get(fact.step, ("", ""))
        summary.fresh_documents += [
            Document(
                clean(system)[:LONGEST_SYSTEM],
                clean(name)[:LONGEST_NAME],
                clean(str(number))[:LONGEST_KEY],
                clean(operation),
            )
            for name, number in fact.references.items()
        ]


def _step_rejected(summary: Summary, fact: Fact, at: int) -> None:
    summary.error = _error(fact)


def _incident_raised(summary: Summary, fact: Fact, at: int) -> None:
    system, operation = summary.commands.get(fact.step, ("", ""))
    element = summary.elements.get(fact.step, "")
    code, message = clean(fact.code), clean(fact.message)
    incident = Incident(
        fact.step, summary.seq, clean(element), clean(system), clean(operation), code, message[:LONGEST_ERROR], at
    )
    _close_incident(summary, fact, at)
    summary.open_incidents[fact.step] = incident
    summary.fresh_incidents.append(incident)
    summary.error = _error(fact)


def _close_incident(summary: Summary, fact: Fact, at: int) -> None:
    incident = summary.open_incidents.pop(fact.step, None)
    if incident is not None:
        incident.resolved_at = at
        by = fact.by or summary.actor
        incident.resolved_by = None if by is None else clean(by)[:LONGEST_KEY]
        if incident not in summary.fresh_incidents:
            summary.fresh_incidents.append(incident)


def _interrupted(summary: Summary, fact: Fact, at: int) -> None:
    if not fact.lingers:
        _close_incident(summary, fact, at)


def _error(fact: Fact) -> str:
    return clean(f"{fact.code}: {fact.message}" if fact.message else fact.code)[:LONGEST_ERROR]


_FOLDS: dict[str, Callable[[Summary, Fact, int], None]] = {
    "instance-started": _instance_started,
    "status-changed": _status_changed,
    "entered": _entered,
    "undo-started": _entered,
    "listener-opened": _entered,
    "migrated": _migrated,
    "command-issued": _command_issued,
    "step-completed": _step_completed,
    "step-rejected": _step_rejected,
    "incident-raised": _incident_raised,
    "incident-resolved": _close_incident,
    "left": _close_incident,
    "undone": _close_incident,
    "interrupted": _interrupted,
}
