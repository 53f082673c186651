"""Intermediate catch events and receive tasks: wait for a timer, a message, a signal or a condition."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import move_on, task_of
from saga_coordinator.engine.deadlines import set_deadline
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.process import Trigger
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm, arm_boundary, disarm

_WAITS_FOR = {Trigger.TIMER: "timer", Trigger.SIGNAL: "signal", Trigger.CONDITIONAL: "condition"}


def enter(turn: Turn, step_id: int) -> None:
    """Wait for the event. The catching end of a link is only passed."""
    element = turn.element(turn.state.steps[step_id])
    trigger = element.event.trigger if element.event else Trigger.NONE
    if trigger is Trigger.LINK:
        move_on(turn, step_id)
        return
    try:
        arm_boundary(turn, step_id)
        arm(turn, step_id, element, "event")
        set_deadline(turn, step_id, task_of(element))
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    turn.emit(f.StepWaiting(step=step_id, waits_for=_WAITS_FOR.get(trigger, "message")))
