"""Intermediate catch events and receive tasks: wait for a timer or a message."""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import complete, map_output
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.process import Kind, Trigger
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm, arm_boundary, disarm


def enter(turn: Turn, step_id: int) -> None:
    """Wait for the event."""
    element = turn.element(turn.state.steps[step_id])
    trigger = element.event.trigger if element.event else Trigger.NONE
    try:
        arm_boundary(turn, step_id)
        arm(turn, step_id, element, "event")
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    turn.emit(f.StepWaiting(step=step_id, waits_for="timer" if trigger is Trigger.TIMER else "message"))


def fire(turn: Turn, step_id: int, payload: Any) -> None:
    """It happened: the payload is the output."""
    step = turn.state.steps[step_id]
    if turn.element(step).kind is Kind.RECEIVE_TASK:
        complete(turn, step_id, payload)
    else:
        map_output(turn, step_id, payload)
