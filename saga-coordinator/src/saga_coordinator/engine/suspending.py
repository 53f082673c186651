"""A suspended instance begins nothing: replies, messages and people's work are taken, tokens stay where they are, and
timers that are due wait. Resumed, it goes on with all of that. So do the instances that it has called.

It is suspended as long as there is a cause: somebody meant it (""), its caller is suspended, or its whole process is.
"""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.state import open_calls
from saga_coordinator.engine.turn import Turn

CALLER = "caller"


def suspend(turn: Turn, cause: str = "") -> None:
    """Nothing begins from now on."""
    already = turn.state.suspended
    turn.emit(f.InstanceSuspended(cause=cause))
    if not already:
        _tell_children(turn, "suspend")


def lift(turn: Turn, cause: str) -> list[int]:
    """The cause is gone. As `resume` where it was the last; nothing happens where it was none."""
    if cause not in turn.state.suspensions:
        return []
    if len(turn.state.suspensions) == 1:
        return resume(turn)
    turn.emit(f.SuspensionLifted(cause=cause))
    return []


def resume(turn: Turn) -> list[int]:
    """Everything goes on, whatever the causes; the timers that have become due meanwhile."""
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
