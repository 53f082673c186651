"""Business rule tasks: a decision that is evaluated here and now; without one, a command to a connector."""

from saga_coordinator.engine.activities import complete, task_of
from saga_coordinator.engine.elements import script_task, service_task
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.locking import must_wait
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def enter(turn: Turn, step_id: int) -> None:
    """Decide over the variables, or over what the input mappings make of them, and go on."""
    step = turn.state.steps[step_id]
    task = task_of(turn.element(step))
    if task.decision is None:
        service_task.enter(turn, step_id)
        return
    visible = turn.state.variables(step.scope)
    try:
        if must_wait(turn, step_id, task.lock):
            return
        value = turn.evaluate(task.decision, turn.mapped(task.inputs, visible) if task.inputs else visible)
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    complete(turn, step_id, script_task.placed(value, task.result, visible))
