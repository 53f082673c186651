"""From where tokens can still come to a gateway (BPMN 2.0, 13.4.3, inclusive gateway)."""

from saga_coordinator.bpmn.diagram import Part
from saga_coordinator.bpmn.rules.links import targets
from saga_coordinator.engine.process import Kind, Trigger


def upstream(gateway: Part, *, events: bool = True) -> tuple[frozenset[str], ...]:
    """For each incoming flow of the gateway, the flow nodes of its level from which a token can come along that flow
    without passing the gateway before (`events`: also by a boundary event)."""
    before = _before(gateway, events)
    return tuple(_reached_backwards(flow.source, gateway, before) for flow in gateway.incoming)


def _before(gateway: Part, events: bool) -> dict[str, list[Part]]:
    """The nodes from which a token can go directly to a node: along a flow, by a boundary event, over a link."""
    before: dict[str, list[Part]] = {}
    for part in gateway.level.parts:
        nexts = [flow.target for flow in part.outgoing] + (part.boundary if events else [])
        if part.kind is Kind.THROW_EVENT and part.trigger is Trigger.LINK:
            nexts += targets(part)
        for following in nexts:
            before.setdefault(following.id, []).append(part)
    return before


def _reached_backwards(source: Part, gateway: Part, before: dict[str, list[Part]]) -> frozenset[str]:
    reached: set[str] = set()
    pending = [source]
    while pending:
        part = pending.pop()
        if part is gateway or part.id in reached:
            continue
        reached.add(part.id)
        pending += before.get(part.id, [])
    return frozenset(reached)
