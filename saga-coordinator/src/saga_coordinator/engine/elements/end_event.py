"""End events: none, error, terminate."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.interrupting import interrupt_scope
from saga_coordinator.engine.process import Trigger
from saga_coordinator.engine.recovery import stop
from saga_coordinator.engine.state import ROOT
from saga_coordinator.engine.throwing import throw_error
from saga_coordinator.engine.turn import Turn


def enter(turn: Turn, step_id: int) -> None:
    """Consume the token, after doing what the event says."""
    step = turn.state.steps[step_id]
    event = turn.element(step).event
    trigger = event.trigger if event else Trigger.NONE
    if trigger is Trigger.ERROR and event is not None:
        throw_error(turn, step_id, event.code or "", turn.element(step).name, resume="enter")
    elif trigger is Trigger.TERMINATE:
        _terminate(turn, step_id, step.scope)
    else:
        turn.leave(step_id, [])


def _terminate(turn: Turn, step_id: int, scope: int) -> None:
    """Everything else in this process or sub-process ends (BPMN 2.0, 13.5.6)."""
    turn.emit(f.Left(step=step_id, flows=[]))
    if scope == ROOT:
        stop(turn, "completed", undo=False, reason="terminate")
        return
    interrupt_scope(turn, scope)
    turn.check(scope)
