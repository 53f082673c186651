"""User tasks: an open step until somebody completes it."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import task_of
from saga_coordinator.engine.deadlines import set_deadline
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.locking import must_wait
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm_boundary, disarm


def enter(turn: Turn, step_id: int) -> None:
    """Wait for a person."""
    step = turn.state.steps[step_id]
    task = task_of(turn.element(step))
    try:
        if must_wait(turn, step_id, task.lock):
            return
        assignee = turn.evaluate(task.assignee, turn.state.variables(step.scope)) if task.assignee else None
        arm_boundary(turn, step_id)
        set_deadline(turn, step_id, task)
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    turn.emit(
        f.StepWaiting(
            step=step_id,
            waits_for="person",
            assignee=None if assignee is None else str(assignee),
            candidate_groups=list(task.candidate_groups),
            form=task.form,
        )
    )
