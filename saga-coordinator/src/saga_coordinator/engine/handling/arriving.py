"""What comes from connectors, the clock, other systems and the store. Nothing of it is ever illegal: what comes too
late changes nothing."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import recurrence, suspending
from saga_coordinator.engine.commands import again, probe, wake
from saga_coordinator.engine.deadlines import instance_late, step_late
from saga_coordinator.engine.elements import enter, multi_instance
from saga_coordinator.engine.happening import fire, happen
from saga_coordinator.engine.incidents import CANNOT_BE_HANDLED, raise_incident
from saga_coordinator.engine.locking import granted, timed_out
from saga_coordinator.engine.outcomes import reply, unknown
from saga_coordinator.engine.state import Phase, Step, Subscription, Timer, open_commands
from saga_coordinator.engine.turn import Turn
from saga_coordinator.engine.waiting import disarm


def _reply(turn: Turn, answer: i.Reply) -> bool:
    reply(turn, answer)
    return True


def _timer_due(turn: Turn, due: i.TimerDue) -> bool:
    timer = turn.state.timers.get(due.timer)
    if timer is None or timer.id in turn.state.held:
        return True
    if turn.state.suspended:
        turn.emit(f.TimerHeld(timer=timer.id))
    else:
        fire_timer(turn, timer)
    return True


def go_on(turn: Turn, cause: str | None = None) -> None:
    """A suspended instance is resumed (with a `cause`: unless there is another one), with the timers that have become
    due meanwhile, too."""
    for timer_id in suspending.resume(turn) if cause is None else suspending.lift(turn, cause):
        timer = turn.state.timers.get(timer_id)
        if timer is not None:
            fire_timer(turn, timer)


def fire_timer(turn: Turn, timer: Timer) -> None:
    """What the timer was set for happens."""
    turn.emit(f.TimerCleared(timer=timer.id, fired=True))
    if timer.step == 0:
        instance_late(turn)
        return
    step = turn.state.steps[timer.step]
    internal = _TIMERS.get(timer.purpose)
    if internal is not None:
        internal(turn, step)
    else:
        fire(turn, step, turn.process.elements[timer.element or ""], None)
        _repeat(turn, timer)


def _lock_timed_out(turn: Turn, step: Step) -> None:
    timed_out(turn, step.id)


def _more_items(turn: Turn, step: Step) -> None:
    multi_instance.go_on(turn, step.id)


_TIMERS: dict[str, Callable[[Turn, Step], None]] = {
    "retry": again,
    "probe": probe,
    "lock": _lock_timed_out,
    "items": _more_items,
    "deadline": step_late,
}


def _repeat(turn: Turn, timer: Timer) -> None:
    step = turn.state.steps.get(timer.step)
    if timer.repeat is None or step is None or step.lingers or timer.purpose not in ("boundary", "listener"):
        return
    event = turn.process.elements[timer.element or ""].event
    try:
        due, repeat = recurrence.following(event.timer if event else None, timer.repeat, timer.due, turn.now)
    except (OverflowError, ValueError) as error:
        turn.emit(f.InputIgnored(reason=f"{timer.element} does not repeat any more: {error}"))
        return
    wake(turn, step, timer.purpose, due, timer.element, repeat)


def _message_arrived(turn: Turn, message: i.MessageArrived) -> bool:
    subscription = turn.state.subscriptions.get(message.subscription)
    if subscription is None or subscription.name != message.name:
        return False
    happen(turn, subscription, message.payload)
    return True


def _signal_arrived(turn: Turn, signal: i.SignalArrived) -> bool:
    subscription: Subscription | None = turn.state.subscriptions.get(signal.subscription)
    if subscription is not None and subscription.signal and subscription.name == signal.name:
        happen(turn, subscription, signal.payload)
    return True


def _locks_granted(turn: Turn, grant: i.LocksGranted) -> bool:
    """In a suspended instance it changes nothing: the store tells it again."""
    if turn.state.suspended:
        return True
    if granted(turn, grant.step):
        enter(turn, grant.step)
    return True


def _locks_busy(turn: Turn, busy: i.LocksBusy) -> bool:
    request = turn.state.locks.get(busy.step)
    if request is not None and not request.taken:
        turn.emit(f.LocksBusy(step=busy.step, holders=busy.holders))
    return True


def _failed(turn: Turn, failure: i.Failed) -> bool:
    """An input could not be handled: its step, or the first that is open, waits for a person."""
    open_steps = [step for step in turn.state.steps.values() if step.phase not in (Phase.INSIDE, Phase.INCIDENT)]
    step = next((step for step in open_steps if step.id == failure.step), open_steps[0] if open_steps else None)
    if step is None:
        return True
    if step.phase in (Phase.EXECUTING, Phase.PROBING, Phase.PROBE_WAIT, Phase.ACCEPTED):
        resume_at = "probe"
    else:
        resume_at = "again" if step.phase is Phase.BACKOFF else "enter"
    disarm(turn, step.id)
    raise_incident(turn, step.id, CANNOT_BE_HANDLED, failure.reason, resume_at)
    return True


def _nudge(turn: Turn, nudge: i.Nudge) -> bool:
    """A command without a reply past its time has an unknown outcome."""
    for step in list(turn.state.steps.values()):
        command = step.command
        if step.phase is Phase.EXECUTING and command is not None and command.at + command.timeout < turn.now:
            unknown(turn, step, "no reply in time", no_reply=True)
    return True


def _command_freed(turn: Turn, freed: i.CommandFreed) -> bool:
    """Whoever does not wait for the command any more has it never sent."""
    if any(command.command == freed.command for command in open_commands(turn.state)):
        turn.emit(f.CommandReleased(step=freed.step, command=freed.command, at=turn.now))
    return True


HANDLE: dict[type, Callable[[Turn, Any], bool]] = {
    i.Reply: _reply,
    i.TimerDue: _timer_due,
    i.MessageArrived: _message_arrived,
    i.SignalArrived: _signal_arrived,
    i.LocksGranted: _locks_granted,
    i.LocksBusy: _locks_busy,
    i.CommandFreed: _command_freed,
    i.Failed: _failed,
    i.Nudge: _nudge,
}
