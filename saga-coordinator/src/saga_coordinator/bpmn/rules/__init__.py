"""Structure rules of BPMN 2.0, one module per subject. Each has `check(diagram, findings)`."""

from saga_coordinator.bpmn.rules import (
    boundaries,
    compensation,
    events,
    flows,
    gateways,
    identity,
    levels,
    links,
    message_flows,
    reachability,
    references,
    support,
)

STRUCTURE = (
    identity.check,
    support.check,
    flows.check,
    message_flows.check,
    events.check,
    references.check,
    links.check,
    boundaries.check,
    compensation.check,
    gateways.check,
    levels.check,
    reachability.check,
)
