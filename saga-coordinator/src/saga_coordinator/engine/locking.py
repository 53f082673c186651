"""Semantic locks: a step holds business objects by name, from before it begins until the instance ends or its effect is
undone. Requests queue up in the store, first come, first served; whoever waits longer than its patience becomes an
incident that names the holder.
"""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.commands import clear, wake
from saga_coordinator.engine.incidents import LOCK_TIMEOUT, raise_incident
from saga_coordinator.engine.process import Lock
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import LONGEST_NAME, is_name


def must_wait(turn: Turn, step_id: int, lock: Lock | None) -> bool:
    """Ask for what the step needs; whether it has to wait for an answer. What another step of the instance holds is
    asked for too (and given at once): each step gives up its own. Raises `ExpressionFailed`."""
    if lock is None or step_id in turn.state.locks:
        return False
    wanted = sorted(set(_names(turn, turn.state.steps[step_id], lock)))
    turn.emit(f.LocksRequested(step=step_id, names=wanted))
    turn.emit(f.StepWaiting(step=step_id, waits_for="lock"))
    wake(turn, turn.state.steps[step_id], "lock", turn.now + lock.patience)
    return True


def granted(turn: Turn, step_id: int) -> bool:
    """The step has its locks; False if it does not want them any more."""
    request = turn.state.locks.get(step_id)
    step = turn.state.steps.get(step_id)
    if request is None or request.taken or step is None:
        return False
    clear(turn, step, "lock")
    if step.incident is not None:
        turn.emit(f.IncidentResolved(step=step_id))
    turn.emit(f.LocksTaken(step=step_id, names=list(request.names)))
    return True


def timed_out(turn: Turn, step_id: int) -> None:
    """The step has waited long enough: its place in the queue stays, a person is told who holds what it wants."""
    request = turn.state.locks[step_id]
    who = ", ".join(f"{name} is held by {request.holders.get(name, 'another instance')}" for name in request.names)
    raise_incident(turn, step_id, LOCK_TIMEOUT, who, "lock")


def release(turn: Turn, step_id: int) -> None:
    """Give up the locks that the step holds or waits for."""
    request = turn.state.locks.get(step_id)
    if request is not None:
        turn.emit(f.LocksReleased(step=step_id, names=list(request.names)))


def release_all(turn: Turn) -> None:
    """The instance has ended."""
    for step_id in list(turn.state.locks):
        release(turn, step_id)


def _names(turn: Turn, step: Step, lock: Lock) -> list[str]:
    value = turn.evaluate(lock.key, turn.state.variables(step.scope))
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name and is_name(name) for name in names):
        raise ExpressionFailed(f"{lock.key.source}: locks are named by texts of at most {LONGEST_NAME} characters")
    return names
