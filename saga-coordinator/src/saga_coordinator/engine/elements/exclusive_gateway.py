"""Exclusive gateways: the first flow (in file order) whose condition holds, else the default."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import true
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, NO_FLOW, raise_incident
from saga_coordinator.engine.process import Element, Unevaluable
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def enter(turn: Turn, step_id: int) -> None:
    """Choose one way, or stop with an incident where none is open."""
    step = turn.state.steps[step_id]
    element = turn.element(step)
    try:
        flow = choose(turn, element, step.scope)
    except Unevaluable:
        turn.emit(f.StepWaiting(step=step_id, waits_for="choice"))
        return
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    if flow is None and element.outgoing:
        raise_incident(turn, step_id, NO_FLOW, f"no condition of gateway {element.id} holds", "enter")
        return
    turn.leave(step_id, [flow] if flow else [])


def choose(turn: Turn, element: Element, scope: int) -> str | None:
    """The flow to take. Raises `Unevaluable` where nothing decides (a split whose flows have no conditions)."""
    if len(element.outgoing) == 1:
        return element.outgoing[0]
    flows = [turn.process.flows[flow] for flow in element.outgoing if flow != element.default]
    if flows and all(flow.condition is None for flow in flows):
        raise Unevaluable(element.id)
    for flow in flows:
        if true(turn, flow, scope):
            return flow.id
    return element.default
