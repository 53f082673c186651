"""A suspended instance begins nothing: replies, messages and people's work are taken, tokens stay where they are, and
timers that are due wait. Resumed, it goes on with all of that. So do the instances that it has called."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.state import open_calls
from saga_coordinator.engine.turn import Turn


def suspend(turn: Turn) -> None:
    """Nothing begins from now on."""
    turn.emit(f.InstanceSuspended())
    _tell_children(turn, "suspend")


def resume(turn: Turn) -> list[int]:
    """Everything goes on; the timers that have become due meanwhile."""
    held = list(turn.state.held)
    parked = turn.state.parked
    turn.emit(f.InstanceResumed())
    _tell_children(turn, "resume")
    turn.unpark(parked)
    for scope in list(turn.state.scopes):
        turn.check(scope)
    return held


def _tell_children(turn: Turn, what: str) -> None:
    for step in open_calls(turn.state):
        turn.emit(f.ChildTold(step=step.id, child=step.child or "", what=what))
