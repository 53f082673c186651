"""Which event may stand where (BPMN table 10.93), and its connections (10.5.2 to 10.5.6)."""

from saga_coordinator.bpmn.diagram import Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Kind, Trigger

_T = Trigger
_INTERRUPTIBLE = {_T.MESSAGE, _T.TIMER, _T.ESCALATION, _T.CONDITIONAL, _T.SIGNAL}
PROCESS_START = {_T.NONE, _T.MESSAGE, _T.TIMER, _T.CONDITIONAL, _T.SIGNAL}
EVENT_START = _INTERRUPTIBLE | {_T.ERROR, _T.COMPENSATE}
ALLOWED: dict[Kind, set[Trigger]] = {
    Kind.CATCH_EVENT: {_T.MESSAGE, _T.TIMER, _T.CONDITIONAL, _T.LINK, _T.SIGNAL},
    Kind.THROW_EVENT: {_T.NONE, _T.MESSAGE, _T.ESCALATION, _T.COMPENSATE, _T.LINK, _T.SIGNAL},
    Kind.BOUNDARY_EVENT: _INTERRUPTIBLE | {_T.ERROR, _T.CANCEL, _T.COMPENSATE},
    Kind.END_EVENT: {
        _T.NONE, _T.MESSAGE, _T.ERROR, _T.ESCALATION, _T.CANCEL, _T.COMPENSATE, _T.SIGNAL, _T.TERMINATE,
    },
}  # fmt: skip
_MUST_INTERRUPT = {_T.ERROR, _T.CANCEL}  # for compensation the attribute has no meaning (table 10.91)
_NEEDS_DEFINITION = {Kind.CATCH_EVENT, Kind.BOUNDARY_EVENT}


def check(diagram: Diagram, findings: Findings) -> None:
    """Every event is of a type that its position allows, and is connected as its position demands."""
    for level in diagram.levels:
        for part in level.parts:
            if part.kind in ALLOWED:
                _check_position(part, ALLOWED[part.kind], findings)
            if part.kind is Kind.START_EVENT:
                _check_start(level, part, findings)
            elif part.kind is Kind.END_EVENT:
                _check_end(part, findings)
            elif part.kind in {Kind.CATCH_EVENT, Kind.THROW_EVENT} and part.trigger is not Trigger.LINK:
                _check_intermediate(part, findings)


def _check_position(part: Part, allowed: set[Trigger], findings: Findings) -> None:
    if not part.definitions and part.kind in _NEEDS_DEFINITION:
        findings.add(
            Rule.MISSING_EVENT_DEFINITION, part.id, part.node.line, f"a {part.node.name} has to say what it waits for"
        )
    for trigger, node in part.definitions:
        if trigger not in allowed:
            findings.add(Rule.EVENT_NOT_ALLOWED, part.id, node.line, f"a {part.node.name} cannot have a {node.name}")
        elif part.kind is Kind.BOUNDARY_EVENT and trigger in _MUST_INTERRUPT and not part.interrupting:
            findings.add(Rule.MUST_INTERRUPT, part.id, part.node.line, f"a {trigger} event cannot be non-interrupting")
        if trigger is Trigger.CANCEL and trigger in allowed:
            _check_cancel(part, findings)


def _check_cancel(part: Part, findings: Findings) -> None:
    if part.kind is Kind.END_EVENT and not part.level.inside_transaction():
        findings.add(
            Rule.CANCEL_OUTSIDE_TRANSACTION, part.id, part.node.line, "a cancel end event belongs inside a transaction"
        )
    if part.kind is Kind.BOUNDARY_EVENT and part.host is not None and part.host.kind is not Kind.TRANSACTION:
        findings.add(
            Rule.CANCEL_OUTSIDE_TRANSACTION,
            part.id,
            part.node.line,
            "a cancel boundary event is attached to a transaction",
        )


def _check_start(level: Level, part: Part, findings: Findings) -> None:
    if level.owner is None:
        _check_position(part, PROCESS_START, findings)
    if part.incoming:
        findings.add(Rule.START_WITH_INCOMING, part.id, part.node.line, "no sequence flow leads to a start event")
    if not part.outgoing:
        findings.add(Rule.START_WITHOUT_OUTGOING, part.id, part.node.line, "nothing follows this start event")


def _check_end(part: Part, findings: Findings) -> None:
    if part.outgoing:
        findings.add(Rule.END_WITH_OUTGOING, part.id, part.node.line, "no sequence flow leaves an end event")
    if not part.incoming:
        findings.add(Rule.END_WITHOUT_INCOMING, part.id, part.node.line, "no sequence flow leads to this end event")


def _check_intermediate(part: Part, findings: Findings) -> None:
    if not part.incoming:
        findings.add(
            Rule.EVENT_WITHOUT_INCOMING, part.id, part.node.line, "an intermediate event has an incoming sequence flow"
        )
    if not part.outgoing:
        findings.add(
            Rule.EVENT_WITHOUT_OUTGOING, part.id, part.node.line, "an intermediate event has an outgoing sequence flow"
        )
