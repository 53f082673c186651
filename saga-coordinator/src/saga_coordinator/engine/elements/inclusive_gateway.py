"""Inclusive gateways: go out on every flow whose condition holds; wait for every token that can still come."""

from collections.abc import Iterator

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import holding
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, NO_FLOW, raise_incident
from saga_coordinator.engine.process import Element, Kind, Unevaluable
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def enter(turn: Turn, step_id: int) -> None:
    """Split at once, or wait: only when everything else stands still is it known which tokens can still come."""
    if len(turn.element(turn.state.steps[step_id]).incoming) > 1:
        turn.emit(f.StepWaiting(step=step_id, waits_for="tokens"))
    else:
        split(turn, step_id)


def join(turn: Turn) -> bool:
    """Let one inclusive gateway go on for which no more tokens can come; whether there was one."""
    for step in list(turn.state.steps.values()):
        element = turn.element(step)
        if element.kind is not Kind.INCLUSIVE_GATEWAY or step.waits_for != "tokens" or step.lingers:
            continue
        there = [token for token in _tokens(turn, step) if token.element == element.id]
        waiting = [token for token in there if token.waits_for == "tokens"]
        if waiting[0].id == step.id and not _more_can_come(turn, element, waiting):
            first = {other.via: other.id for other in reversed(waiting)}
            turn.emit(f.Joined(steps=sorted(first.values()), into=step.id))
            split(turn, step.id)
            return True
    return False


def _tokens(turn: Turn, step: Step) -> Iterator[Step]:
    """The tokens in the scope of the step, oldest first."""
    for other in turn.state.scopes[step.scope].steps:
        token = turn.state.steps[other]
        if not token.lingers and token.undoes is None:
            yield token


def _more_can_come(turn: Turn, element: Element, waiting: list[Step]) -> bool:
    """Whether a token elsewhere in the scope has a way to an incoming flow that has none, and no way to one that has
    (BPMN 2.0, 13.4.3). What may come by a boundary event is waited for, but excuses nothing."""
    arrived = {step.via for step in waiting}
    ways = list(zip(element.incoming, element.upstream, element.direct, strict=True))
    here = frozenset[str]().union(*(direct for flow, _, direct in ways if flow in arrived))
    missing = frozenset[str]().union(*(nodes for flow, nodes, _ in ways if flow not in arrived))
    elsewhere = (token.element for token in _tokens(turn, waiting[0]) if token not in waiting)
    return any(node in missing and node not in here for node in elsewhere)


def split(turn: Turn, step_id: int) -> None:
    """Go out on every flow whose condition holds, else on the default flow, else stop with an incident."""
    step = turn.state.steps[step_id]
    try:
        flows = [] if not turn.element(step).outgoing else _chosen(turn, step)
    except Unevaluable:
        turn.emit(f.StepWaiting(step=step_id, waits_for="choice"))
        return
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "split")
        return
    if not flows and turn.element(step).outgoing:
        raise_incident(turn, step_id, NO_FLOW, f"no condition of gateway {step.element} holds", "split")
        return
    turn.leave(step_id, flows)


def _chosen(turn: Turn, step: Step) -> list[str]:
    """Raises `Unevaluable` where nothing decides (several flows, none with a condition)."""
    element = turn.element(step)
    if len(element.outgoing) == 1:
        return list(element.outgoing)
    others = [turn.process.flows[flow] for flow in element.outgoing if flow != element.default]
    if all(flow.condition is None for flow in others):
        raise Unevaluable(element.id)
    return holding(turn, step)
