"""End events: the token is consumed, after doing what the event says."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.elements.thrown import throw
from saga_coordinator.engine.interrupting import interrupt_scope
from saga_coordinator.engine.process import Trigger
from saga_coordinator.engine.recovery import stop
from saga_coordinator.engine.state import ROOT
from saga_coordinator.engine.throwing import throw_error
from saga_coordinator.engine.transactions import cancel, transaction_around
from saga_coordinator.engine.turn import Turn


def enter(turn: Turn, step_id: int) -> None:
    """End the path; or more than that (error, terminate, cancel)."""
    step = turn.state.steps[step_id]
    event = turn.element(step).event
    trigger = event.trigger if event else Trigger.NONE
    if trigger is Trigger.ERROR and event is not None:
        throw_error(turn, step_id, event.code or "", turn.element(step).name, resume="enter")
    elif trigger is Trigger.TERMINATE:
        _terminate(turn, step_id, step.scope)
    elif trigger is Trigger.CANCEL:
        _cancel(turn, step_id)
    elif throw(turn, step_id) and step_id in turn.state.steps:
        turn.leave(step_id, [])


def _terminate(turn: Turn, step_id: int, scope: int) -> None:
    """Everything else in this process or sub-process ends (BPMN 2.0, 13.5.6)."""
    turn.emit(f.Left(step=step_id, flows=[]))
    if scope == ROOT:
        stop(turn, "completed", undo=False, reason="terminate")
        return
    interrupt_scope(turn, scope)
    turn.check(scope)


def _cancel(turn: Turn, step_id: int) -> None:
    step = turn.state.steps[step_id]
    transaction = transaction_around(turn, step)
    if transaction is None:
        turn.leave(step_id, [])
    else:
        cancel(turn, transaction, step.element)
