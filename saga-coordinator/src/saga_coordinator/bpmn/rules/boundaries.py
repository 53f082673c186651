"""Boundary events (BPMN 10.5.4: attached to an activity's boundary, 10.5.6)."""

from saga_coordinator.bpmn.diagram import Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Kind, Trigger


def check(diagram: Diagram, findings: Findings) -> None:
    """Every boundary event is attached to an activity of its level and has outgoing flows only."""
    for level in diagram.levels:
        _check_errors(level, findings)
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


def _check_errors(level: Level, findings: Findings) -> None:
    """Which handler takes an error is certain: no two on one activity, or beside each other, are for the same."""
    for handlers in (level.listeners, *(part.boundary for part in level.parts)):
        taken: set[str] = set()
        for event in handlers:
            if event.trigger is not Trigger.ERROR or event.definition is None:
                continue
            error = event.definition.get("errorRef") or ""
            if error in taken:
                message = f"another event takes {error or 'every error'} already"
                findings.add(Rule.ERROR_TAKEN_TWICE, event.id, event.node.line, message)
            taken.add(error)


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
