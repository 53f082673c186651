"""Script tasks: one expression over the variables, its value put at the `result` path (or merged)."""

from saga_coordinator.engine.activities import complete, task_of
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.paths import put
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def enter(turn: Turn, step_id: int) -> None:
    """Evaluate and go on."""
    step = turn.state.steps[step_id]
    task = task_of(turn.element(step))
    if task.script is None:
        complete(turn, step_id, None)
        return
    visible = turn.state.variables(step.scope)
    try:
        value = turn.evaluate(task.script, visible)
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    head = task.result.partition(".")[0]
    output = put({head: visible[head]} if head in visible else {}, task.result, value) if task.result else value
    complete(turn, step_id, output)
