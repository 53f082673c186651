"""Embedded sub-processes: a scope of their own, whose variables merge into the surrounding one at the end."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import complete, task_of
from saga_coordinator.engine.deadlines import set_deadline
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.listening import close_listeners, open_listeners
from saga_coordinator.engine.process import Body
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm_boundary, disarm


def enter(turn: Turn, step_id: int) -> None:
    """Open the scope and put a token at its start."""
    step = turn.state.steps[step_id]
    element = turn.element(step)
    task = task_of(element)
    try:
        local = turn.local(task.inputs, step.scope)
        arm_boundary(turn, step_id)
        set_deadline(turn, step_id, task_of(element))
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    scope = turn.new_id()
    turn.emit(f.ScopeOpened(scope=scope, parent=step.scope, step=step_id, element=element.id, variables=local))
    body = element.body or Body()
    open_listeners(turn, scope, body)
    for start in body.starts:
        turn.start(start, scope)
    turn.check(scope)


def finish(turn: Turn, step_id: int, scope: int) -> None:
    """Nothing is left inside: its variables are the sub-process's output."""
    output = turn.state.scopes[scope].variables
    close_listeners(turn, scope)
    turn.emit(f.ScopeClosed(scope=scope))
    complete(turn, step_id, output)
