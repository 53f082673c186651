"""Intermediate throw events: say something (a message, a signal, an escalation), undo something, or jump (a link)."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import move_on
from saga_coordinator.engine.elements.thrown import throw
from saga_coordinator.engine.process import Trigger
from saga_coordinator.engine.turn import Turn


def enter(turn: Turn, step_id: int) -> None:
    """Throw, and go on where nothing has to be waited for."""
    step = turn.state.steps[step_id]
    event = turn.element(step).event
    if event is not None and event.trigger is Trigger.LINK and event.target is not None:
        turn.emit(f.Left(step=step_id, flows=[]))
        turn.start(event.target, step.scope)
    elif throw(turn, step_id) and step_id in turn.state.steps:
        move_on(turn, step_id)
