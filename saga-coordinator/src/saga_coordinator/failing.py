"""What follows from an input that nobody can handle, besides that it is a dead letter: its instance is told, so that a
person sees it, and nobody sends it again."""

from sqlalchemy import Connection

from saga_coordinator import calls
from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import inputs as i
from saga_coordinator.store import locks, messages, signals, timers

Told = i.Reply | i.TimerDue | i.MessageArrived | i.SignalArrived | i.LocksGranted | i.ChildReported | i.ParentAsked


def failed(input_: i.Input, state: InstanceState | None, reason: str) -> i.Input | None:
    """What the instance is told (of a child that cannot begin: its caller); None where nobody waits for this input but
    who sent it. The same input however often it is told. `state` may be unknown."""
    if not isinstance(input_, Told):
        return calls.refused(input_, reason)
    step = _step_of(input_, state)
    return i.Failed(id=f"failed:{input_.id}", instance=input_.instance, step=step, reason=reason)


def _step_of(input_: Told, state: InstanceState | None) -> int | None:
    if isinstance(input_, i.TimerDue):
        timer = state.timers.get(input_.timer) if state else None
        return timer.step if timer else None
    if isinstance(input_, i.MessageArrived | i.SignalArrived):
        subscription = state.subscriptions.get(input_.subscription) if state else None
        return subscription.step if subscription else None
    return None if isinstance(input_, i.ParentAsked) else input_.step


def forget(connection: Connection, inputs: list[i.Input]) -> None:
    """Nobody sends these again: they are dead letters."""
    timers.remove(connection, sorted({(x.instance, x.timer) for x in inputs if isinstance(x, i.TimerDue)}))
    messages.consume(connection, sorted({(x.id, x.instance) for x in inputs if isinstance(x, i.MessageArrived)}))
    locks.confirm(connection, {(x.instance, x.step) for x in inputs if isinstance(x, i.LocksGranted)})
    signals.consume(connection, sorted({(x.instance, x.id) for x in inputs if isinstance(x, i.SignalArrived)}))
