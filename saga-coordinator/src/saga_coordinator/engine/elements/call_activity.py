"""Call activities: another process runs as an instance of its own; what goes in and comes out is mapped."""

from saga_coordinator.engine.activities import task_of
from saga_coordinator.engine.children import call
from saga_coordinator.engine.deadlines import set_deadline
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm_boundary, disarm


def enter(turn: Turn, step_id: int) -> None:
    """Ask for the other process."""
    step = turn.state.steps[step_id]
    element = turn.element(step)
    inputs = task_of(element).inputs
    try:
        variables = turn.local(inputs, step.scope) if inputs else {}
        arm_boundary(turn, step_id)
        set_deadline(turn, step_id, task_of(element))
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    call(turn, step_id, element.called or element.id, variables)
