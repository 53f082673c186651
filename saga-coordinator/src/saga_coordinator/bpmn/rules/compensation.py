"""Drawn compensation (BPMN 10.7): boundary event, association, compensation activity, event sub-process."""

from saga_coordinator.bpmn.diagram import Diagram, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Kind, Trigger


def check(diagram: Diagram, findings: Findings) -> None:
    """A compensation boundary event leads to one handler by an association, and nothing by a flow."""
    for level in diagram.levels:
        for part in level.parts:
            if part.kind is Kind.BOUNDARY_EVENT and part.trigger is Trigger.COMPENSATE:
                _check_boundary(part, findings)
            if part.is_for_compensation and (part.incoming or part.outgoing):
                findings.add(
                    Rule.HANDLER_WITH_FLOW, part.id, part.node.line, "a compensation activity has no sequence flows"
                )
            if part.is_activity:
                _check_clash(part, findings)


def _check_boundary(part: Part, findings: Findings) -> None:
    if part.outgoing:
        findings.add(
            Rule.COMPENSATION_BOUNDARY_WITH_FLOW,
            part.id,
            part.node.line,
            "an association, not a sequence flow, leads from a compensation event to its handler",
        )
    if not part.handlers:
        findings.add(Rule.COMPENSATION_WITHOUT_HANDLER, part.id, part.node.line, "no association leads to a handler")
    if len(part.handlers) > 1:
        findings.add(Rule.COMPENSATION_HANDLERS_CLASH, part.id, part.node.line, "associations lead to several handlers")
    for handler in part.handlers:
        _check_handler(part, handler, findings)


def _check_handler(part: Part, handler: Part, findings: Findings) -> None:
    if not handler.is_for_compensation:
        findings.add(Rule.HANDLER_NOT_MARKED, handler.id, handler.node.line, "a handler is marked isForCompensation")
    if handler.level is not part.level:
        findings.add(
            Rule.COMPENSATION_WITHOUT_HANDLER, part.id, part.node.line, f"its handler {handler.id} is on another level"
        )


def _check_clash(part: Part, findings: Findings) -> None:
    drawn = [event for event in part.boundary if event.trigger is Trigger.COMPENSATE]
    inside = part.inside.parts if part.inside is not None else []
    handlers = [p for p in inside if p.is_event_sub_process and _starts_by_compensation(p)]
    if len(drawn) + len(handlers) > 1:
        second = (drawn + handlers)[1]
        findings.add(
            Rule.COMPENSATION_HANDLERS_CLASH,
            second.id,
            second.node.line,
            f"{part.id} has another compensation handler already",
        )


def _starts_by_compensation(part: Part) -> bool:
    starts = part.inside.of(Kind.START_EVENT) if part.inside is not None else []
    return any(start.trigger is Trigger.COMPENSATE for start in starts)
