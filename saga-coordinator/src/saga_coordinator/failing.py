"""What follows from an input that nobody can handle, besides that it is a dead letter: its instance is told, so that a
person sees it, and nobody sends it again."""

from sqlalchemy import Connection

from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import inputs as i
from saga_coordinator.store import locks, messages, timers

_TOLD = (i.Reply, i.TimerDue, i.MessageArrived, i.LocksGranted)


def failed(input_: i.Input, state: InstanceState | None, reason: str) -> i.Failed | None:
    """What the instance is told; None where nobody waits for this input but who sent it. The same input however often
    it is told. `state` may be unknown."""
    if not isinstance(input_, _TOLD):
        return None
    step = _step_of(input_, state)
    return i.Failed(id=f"failed:{input_.id}", instance=input_.instance, step=step, reason=reason)


def _step_of(
    input_: i.Reply | i.TimerDue | i.MessageArrived | i.LocksGranted, state: InstanceState | None
) -> int | None:
    if isinstance(input_, i.TimerDue):
        timer = state.timers.get(input_.timer) if state else None
        return timer.step if timer else None
    if isinstance(input_, i.MessageArrived):
        subscription = state.subscriptions.get(input_.subscription) if state else None
        return subscription.step if subscription else None
    return input_.step


def forget(connection: Connection, inputs: list[i.Input]) -> None:
    """Nobody sends these again: they are dead letters."""
    timers.remove(connection, sorted({(x.instance, x.timer) for x in inputs if isinstance(x, i.TimerDue)}))
    messages.consume(connection, sorted({(x.id, x.instance) for x in inputs if isinstance(x, i.MessageArrived)}))
    locks.confirm(connection, {(x.instance, x.step) for x in inputs if isinstance(x, i.LocksGranted)})
