"""Event-based gateways: the first of the events behind the gateway decides the way."""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.elements import catch_event
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


def fire(turn: Turn, step_id: int, event: str, payload: Any) -> None:
    """One of the events happened: the token takes that way and passes the event."""
    step = turn.state.steps[step_id]
    flow = next(o for o in turn.element(step).outgoing if turn.process.flows[o].target == event)
    disarm(turn, step_id)
    turn.emit(f.Left(step=step_id, flows=[flow]))
    passed = turn.new_id()
    turn.emit(f.Entered(step=passed, element=event, scope=step.scope, via=flow))
    catch_event.fire(turn, passed, payload)
