"""Where tokens can go from each flow node of a level."""

from saga_coordinator.bpmn.diagram import Part
from saga_coordinator.bpmn.rules.links import targets
from saga_coordinator.engine import reaching
from saga_coordinator.engine.process import Kind, Trigger


def upstream(gateway: Part, *, events: bool = True) -> tuple[frozenset[str], ...]:
    """For each incoming flow of the gateway, the flow nodes of its level from which a token can come along that flow
    without passing the gateway before (`events`: also by a boundary event)."""
    following = {part.id: _following(part, events) for part in gateway.level.parts}
    return reaching.upstream(gateway.id, [flow.source.id for flow in gateway.incoming], following)


def _following(part: Part, events: bool) -> list[str]:
    after = [flow.target for flow in part.outgoing] + (part.boundary if events else [])
    if part.kind is Kind.THROW_EVENT and part.trigger is Trigger.LINK:
        after += targets(part)
    return [following.id for following in after]
