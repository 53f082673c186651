"""A suspended instance begins nothing: replies, messages and people's work are taken, tokens stay where they are, and
timers that are due wait. Resumed, it goes on with all of that."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.turn import Turn


def suspend(turn: Turn) -> None:
    """Nothing begins from now on."""
    turn.emit(f.InstanceSuspended())


def resume(turn: Turn) -> list[int]:
    """Everything goes on; the timers that have become due meanwhile."""
    held = list(turn.state.held)
    parked = turn.state.parked
    turn.emit(f.InstanceResumed())
    turn.unpark(parked)
    for scope in list(turn.state.scopes):
        turn.check(scope)
    return held
