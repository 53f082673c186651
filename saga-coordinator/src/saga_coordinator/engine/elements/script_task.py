"""Script tasks: one expression over the variables, its value put at the `result` path (or merged)."""

from collections.abc import Mapping
from typing import Any

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
    complete(turn, step_id, placed(value, task.result, visible))


def placed(value: Any, path: str, visible: Mapping[str, Any]) -> Any:
    """An output that puts `value` at the dotted path, beside what is there already ("": the value itself)."""
    head = path.partition(".")[0]
    return put({head: visible[head]} if head in visible else {}, path, value) if path else value
