"""Event sub-processes that wait: while the scope around them is open, each is a step that is no token."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.process import Body
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm, disarm


def open_listeners(turn: Turn, scope: int, body: Body) -> None:
    """The scope has begun: its event sub-processes wait for their events."""
    for start in body.listeners:
        step_id = turn.new_id()
        turn.emit(f.ListenerOpened(step=step_id, element=start, scope=scope))
        listen(turn, step_id)


def listen(turn: Turn, step_id: int) -> None:
    """Arm the listener; one that cannot be armed waits for a person."""
    try:
        arm(turn, step_id, turn.element(turn.state.steps[step_id]), "listener")
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "listen")


def retire(turn: Turn, scope: int) -> None:
    """When all that is left in the scope are event sub-processes at work, no new ones begin (BPMN 2.0, 13.2.2: the
    state Completing)."""
    known = turn.state.scopes.get(scope)
    if known is None or not known.listeners:
        return
    if all(turn.element(turn.state.steps[step]).by_event for step in known.steps):
        close_listeners(turn, scope)


def close_listeners(turn: Turn, scope: int) -> None:
    """Nothing can begin in the scope by an event any more."""
    for step_id in turn.state.scopes[scope].listeners:
        disarm(turn, step_id)
        turn.emit(f.ListenerClosed(step=step_id))
