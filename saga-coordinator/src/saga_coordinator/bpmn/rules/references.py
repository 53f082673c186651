"""What event definitions refer to: messages, signals, errors, escalations, timers, activities."""

from collections.abc import Callable

from saga_coordinator.bpmn.diagram import Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Kind, TimerKind, Trigger

_THROWS = {Kind.END_EVENT, Kind.THROW_EVENT}
TIMER_FORMS = tuple(kind.value for kind in TimerKind)


def check(diagram: Diagram, findings: Findings) -> None:
    """Every reference leads somewhere and what is thrown has a code."""
    for level in diagram.levels:
        _check_data(level, findings)
        for part in level.parts:
            for trigger, node in part.definitions:
                checker = _CHECKS.get(trigger)
                if checker is not None:
                    checker(diagram, part, node, findings)
            if part.kind in {Kind.RECEIVE_TASK, Kind.SEND_TASK}:
                resolve(diagram, part, part.node, "messageRef", "message", findings)


def _check_data(level: Level, findings: Findings) -> None:
    """A data object reference refers to a data object of its level, or of one around it (BPMN 10.4.1)."""
    seen, around = set[str](), level
    while True:
        seen |= {node.id for node in around.node.bpmn("dataObject")}
        if around.owner is None:
            break
        around = around.owner.level
    for node in level.node.bpmn("dataObjectReference"):
        reference = node.get("dataObjectRef") or ""
        if reference and not {reference, reference.rpartition(":")[2]} & seen:
            message = f"there is no data object {reference!r}"
            findings.add(Rule.UNRESOLVED_REFERENCE, node.id or node.name, node.line, message)


def resolve(diagram: Diagram, part: Part, node: Node, attribute: str, name: str, findings: Findings) -> Node | None:
    """The root element that `attribute` of `node` refers to; a reference that leads nowhere is a finding."""
    reference = node.get(attribute)
    if not reference:
        return None
    found = diagram.referred(reference)
    if found is None or found.name != name:
        findings.add(Rule.UNRESOLVED_REFERENCE, part.id, node.line, f"there is no {name} {reference!r}")
        return None
    return found


def _message(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    resolve(diagram, part, node, "messageRef", "message", findings)


def _signal(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    resolve(diagram, part, node, "signalRef", "signal", findings)


def _error(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    error = resolve(diagram, part, node, "errorRef", "error", findings)
    dangling = error is None and node.get("errorRef")
    if part.kind in _THROWS and not dangling and not diagram.descriptive and not (error and error.get("errorCode")):
        findings.add(Rule.MISSING_ERROR_CODE, part.id, node.line, "an error that is thrown needs an errorCode")


def _escalation(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    escalation = resolve(diagram, part, node, "escalationRef", "escalation", findings)
    dangling = escalation is None and node.get("escalationRef")
    if (
        part.kind in _THROWS
        and not dangling
        and not diagram.descriptive
        and not (escalation and escalation.get("escalationCode"))
    ):
        findings.add(
            Rule.MISSING_ESCALATION_CODE, part.id, node.line, "an escalation that is thrown needs an escalationCode"
        )


def _timer(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    forms = list(node.bpmn(*TIMER_FORMS))
    if diagram.descriptive and not any(form.text for form in forms):
        return
    if not forms:
        findings.add(
            Rule.MISSING_TIMER, part.id, node.line, "a timer needs one of timeDate, timeDuration and timeCycle"
        )
    elif len(forms) > 1:
        findings.add(Rule.BAD_TIMER, part.id, node.line, "a timer has only one of timeDate, timeDuration, timeCycle")
    elif not forms[0].text:
        findings.add(Rule.MISSING_TIMER, part.id, forms[0].line, f"{forms[0].name} is empty")


def _conditional(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    condition = node.first("condition")
    if (condition is None or not condition.text) and not diagram.descriptive:
        findings.add(Rule.MISSING_CONDITION, part.id, node.line, "a conditional event needs a condition")


def _compensate(diagram: Diagram, part: Part, node: Node, findings: Findings) -> None:
    reference = node.get("activityRef")
    if not reference or part.kind not in _THROWS:
        return
    activity = diagram.part(reference)
    if activity is None:
        findings.add(Rule.UNRESOLVED_REFERENCE, part.id, node.line, f"there is no activity {reference!r}")
    elif not activity.is_activity:
        findings.add(Rule.COMPENSATION_TARGET, part.id, node.line, f"{reference} is not an activity")
    elif activity.level not in _visible_levels(part):
        findings.add(Rule.COMPENSATION_TARGET, part.id, node.line, f"{reference} cannot be seen from here")


def _visible_levels(part: Part) -> list[Level]:
    """Section 10.5.5: activities beside the event; in an event sub-process, also those beside that."""
    levels, owner = [part.level], part.level.owner
    if owner is not None and owner.is_event_sub_process:
        levels.append(owner.level)
    return levels


_CHECKS: dict[Trigger, Callable[[Diagram, Part, Node, Findings], None]] = {
    Trigger.MESSAGE: _message,
    Trigger.SIGNAL: _signal,
    Trigger.ERROR: _error,
    Trigger.ESCALATION: _escalation,
    Trigger.TIMER: _timer,
    Trigger.CONDITIONAL: _conditional,
    Trigger.COMPENSATE: _compensate,
}
