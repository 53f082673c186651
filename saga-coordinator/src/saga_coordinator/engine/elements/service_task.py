"""Service, send and business rule tasks: a command to a connector."""

from typing import Any

from saga_coordinator.engine.activities import task_of
from saga_coordinator.engine.commands import execute
from saga_coordinator.engine.deadlines import set_deadline
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.locking import must_wait
from saga_coordinator.engine.process import Operation
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm_boundary, disarm

NO_OPERATION = Operation(name="", system="")


def enter(turn: Turn, step_id: int, edited: Any = None) -> None:
    """Map the input (unless somebody has `edited` it) and issue the first attempt."""
    step = turn.state.steps[step_id]
    task = task_of(turn.element(step))
    try:
        if must_wait(turn, step_id, task.lock):
            return
        mapped = turn.mapped(task.inputs, turn.state.variables(step.scope)) if task.inputs else {}
        arm_boundary(turn, step_id)
        set_deadline(turn, step_id, task)
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    input_ = mapped if edited is None else edited
    execute(turn, turn.state.steps[step_id], task.operation or NO_OPERATION, input_, task.timeout)
