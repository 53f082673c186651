"""Boundary events (BPMN 10.5.4: attached to an activity's boundary, 10.5.6)."""

from saga_coordinator.bpmn.diagram import Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Kind, Trigger

_REFERENCES = {  # what an event definition refers to, and what tells one of those from another
    Trigger.ERROR: ("errorRef", "errorCode"),
    Trigger.ESCALATION: ("escalationRef", "escalationCode"),
    Trigger.SIGNAL: ("signalRef", "name"),
    Trigger.MESSAGE: ("messageRef", "name"),
}
_ANY = {Trigger.ERROR, Trigger.ESCALATION}  # without a reference they take every code


def check(diagram: Diagram, findings: Findings) -> None:
    """Every boundary event is attached to an activity of its level and has outgoing flows only."""
    for level in diagram.levels:
        _check_takers(diagram, level, findings)
        for part in level.of(Kind.BOUNDARY_EVENT):
            _check_host(part, findings)
            if part.incoming:
                findings.add(
                    Rule.BOUNDARY_WITH_INCOMING, part.id, part.node.line, "no sequence flow leads to a boundary event"
                )
            if part.trigger is not Trigger.COMPENSATE and not part.outgoing:
                findings.add(
                    Rule.BOUNDARY_WITHOUT_OUTGOING, part.id, part.node.line, "nothing follows this boundary event"
                )


def _check_takers(diagram: Diagram, level: Level, findings: Findings) -> None:
    """Which handler takes an event is certain: no two that interrupt the same are for the same event (BPMN 10.5.6)."""
    for handlers in (level.listeners, *(part.boundary for part in level.parts)):
        taken: set[tuple[Trigger, str]] = set()
        for event in handlers:
            what = _taken(diagram, event)
            if what is None:
                continue
            if what in taken:
                message = f"another event that interrupts takes the {what[0]} {what[1] or '(any)'} already"
                findings.add(Rule.EVENT_TAKEN_TWICE, event.id, event.node.line, message)
            taken.add(what)


def _taken(diagram: Diagram, event: Part) -> tuple[Trigger, str] | None:
    """What an interrupting event takes: the code or name of what its definition refers to; None where that can be told
    apart otherwise (timers, conditions), or where nobody knows."""
    if event.kind is Kind.BOUNDARY_EVENT and event.trigger is Trigger.CANCEL:
        return event.trigger, ""
    node, attributes = event.definition, _REFERENCES.get(event.trigger)
    if node is None or attributes is None or not event.interrupting:
        return None
    reference = node.get(attributes[0]) or ""
    referred = diagram.referred(reference) if reference else None
    told = (referred.get(attributes[1]) if referred is not None else None) or reference
    return (event.trigger, told) if told or event.trigger in _ANY else None


def _check_host(part: Part, findings: Findings) -> None:
    reference = part.node.get("attachedToRef")
    problem = ""
    if not reference:
        problem = "it is attached to nothing"
    elif part.host is None:
        problem = f"there is no activity {reference!r}"
    elif not part.host.is_activity:
        problem = f"{reference} is a {part.host.node.name}, not an activity"
    elif part.host.is_event_sub_process:
        problem = f"{reference} is an event sub-process"
    elif part.host.level is not part.level:
        problem = f"{reference} is on another level"
    if problem:
        findings.add(Rule.BOUNDARY_WITHOUT_HOST, part.id, part.node.line, problem)
