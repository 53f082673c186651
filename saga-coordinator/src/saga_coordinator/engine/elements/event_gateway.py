"""Event-based gateways: the first of the events behind the gateway decides the way (`happening` takes it)."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm, disarm


def enter(turn: Turn, step_id: int) -> None:
    """Wait for every event behind the gateway."""
    element = turn.element(turn.state.steps[step_id])
    try:
        for flow in element.outgoing:
            arm(turn, step_id, turn.process.elements[turn.process.flows[flow].target], "event")
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    turn.emit(f.StepWaiting(step=step_id, waits_for="event"))
