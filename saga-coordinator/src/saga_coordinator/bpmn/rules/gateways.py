"""Gateways (BPMN 10.6)."""

from saga_coordinator.bpmn.diagram import GATEWAYS, Diagram, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Kind, Trigger

_AFTER_EVENT_GATEWAY = {Trigger.MESSAGE, Trigger.SIGNAL, Trigger.TIMER, Trigger.CONDITIONAL}


def check(diagram: Diagram, findings: Findings) -> None:
    """Gateways split or merge as their kind and direction say."""
    for level in diagram.levels:
        for part in level.parts:
            if part.kind in GATEWAYS:
                _check_direction(part, findings)
                if not part.outgoing and len(part.incoming) < 2 and part.kind is not Kind.EVENT_GATEWAY:
                    findings.add(Rule.GATEWAY_WITHOUT_OUTGOING, part.id, part.node.line, "it neither splits nor merges")
            if part.kind is Kind.EVENT_GATEWAY:
                _check_event_gateway(part, findings)
            if part.instantiates and part.incoming:
                findings.add(
                    Rule.INSTANTIATE_WITH_INCOMING, part.id, part.node.line, "what begins instances has no incoming"
                )


def _check_direction(part: Part, findings: Findings) -> None:
    """Section 8.4.9: GatewayDirection."""
    direction = part.node.get("gatewayDirection") or "Unspecified"
    many_in, many_out = len(part.incoming) > 1, len(part.outgoing) > 1
    wrong = {
        "Unspecified": False,
        "Converging": not many_in or many_out,
        "Diverging": not many_out or many_in,
        "Mixed": not (many_in and many_out),
    }.get(direction, True)
    if wrong:
        findings.add(
            Rule.GATEWAY_DIRECTION,
            part.id,
            part.node.line,
            f"{direction!r} with {len(part.incoming)} incoming and {len(part.outgoing)} outgoing flows",
        )


def _check_event_gateway(part: Part, findings: Findings) -> None:
    if len(part.outgoing) < 2:
        findings.add(
            Rule.EVENT_GATEWAY_OUTGOING,
            part.id,
            part.node.line,
            "an event-based gateway has at least two outgoing flows",
        )
    if part.node.get("eventGatewayType") == "Parallel" and not part.instantiates:
        findings.add(
            Rule.EVENT_GATEWAY_TYPE, part.id, part.node.line, "a parallel event-based gateway begins instances"
        )
    targets = [flow.target for flow in part.outgoing]
    for target in targets:
        _check_target(part, target, findings)
        by_message = target.kind is Kind.RECEIVE_TASK or target.trigger is Trigger.MESSAGE
        if part.node.get("eventGatewayType") == "Parallel" and part.instantiates and not by_message:
            message = f"{part.id} waits for all its events, and they are messages"
            findings.add(Rule.EVENT_GATEWAY_TARGET, target.id, target.node.line, message)
    if any(t.kind is Kind.RECEIVE_TASK for t in targets) and any(t.trigger is Trigger.MESSAGE for t in targets):
        findings.add(
            Rule.EVENT_GATEWAY_MIXED,
            part.id,
            part.node.line,
            "receive tasks and message events cannot be mixed after it",
        )


def _check_target(part: Part, target: Part, findings: Findings) -> None:
    receive = target.kind is Kind.RECEIVE_TASK
    event = target.kind is Kind.CATCH_EVENT and all(t in _AFTER_EVENT_GATEWAY for t, _ in target.definitions)
    if not receive and not event:
        findings.add(
            Rule.EVENT_GATEWAY_TARGET,
            target.id,
            target.node.line,
            f"after {part.id} only message, timer, signal and conditional catch events and receive tasks may stand",
        )
    if len(target.incoming) > 1:
        findings.add(Rule.EVENT_GATEWAY_TARGET_INCOMING, target.id, target.node.line, f"only {part.id} may lead to it")
    if receive and target.boundary:
        findings.add(
            Rule.EVENT_GATEWAY_TARGET_BOUNDARY,
            target.id,
            target.node.line,
            "a receive task after an event-based gateway has no boundary events",
        )
