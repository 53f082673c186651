"""What the world has to do because of a fact."""

from collections.abc import Iterable

import msgspec

from saga_coordinator.engine import facts as f

FINAL = frozenset({"completed", "compensated", "cancelled", "failed"})


class SendCommand(msgspec.Struct, frozen=True):
    """Publish this command to its connector."""

    fact: f.CommandIssued


class ReleaseCommand(msgspec.Struct, frozen=True):
    """Publish this command, which was issued before and has been held back."""

    command: str


class SetTimer(msgspec.Struct, frozen=True):
    """Wake the instance at `due` (ms)."""

    timer: int
    due: int


class ClearTimer(msgspec.Struct, frozen=True):
    """The timer is not needed any more (or has fired)."""

    timer: int


class OpenSubscription(msgspec.Struct, frozen=True):
    """Correlate messages `name` with `key` (or signals) to this instance."""

    subscription: int
    name: str
    key: str
    signal: bool = False


class CloseSubscription(msgspec.Struct, frozen=True):
    """The subscription is over."""

    subscription: int


class BroadcastSignal(msgspec.Struct, frozen=True):
    """Everybody but this instance who waits for the signal gets it."""

    fact: f.SignalThrown


class PublishMessage(msgspec.Struct, frozen=True):
    """One who waits for the message gets it."""

    fact: f.MessageThrown


class StartChild(msgspec.Struct, frozen=True):
    """Another process begins, as a child of this instance."""

    fact: f.ChildCalled


class TellChild(msgspec.Struct, frozen=True):
    """A child has to do something."""

    fact: f.ChildTold


class TellParent(msgspec.Struct, frozen=True):
    """The caller of this instance learns what became of it."""

    fact: f.ParentTold


class RequestLocks(msgspec.Struct, frozen=True):
    """Queue up for these locks (sorted) on behalf of the step."""

    step: int
    names: list[str]


class ConfirmLocks(msgspec.Struct, frozen=True):
    """The instance knows that the step has its locks."""

    step: int


class ReleaseLocks(msgspec.Struct, frozen=True):
    """Give up the step's locks, or its place in their queues."""

    step: int


class SetStatus(msgspec.Struct, frozen=True):
    """The instance has this status now; `final` ones never change again."""

    status: str
    final: bool


Effect = (
    SendCommand
    | ReleaseCommand
    | SetTimer
    | ClearTimer
    | OpenSubscription
    | CloseSubscription
    | BroadcastSignal
    | PublishMessage
    | StartChild
    | TellChild
    | TellParent
    | RequestLocks
    | ConfirmLocks
    | ReleaseLocks
    | SetStatus
)


def effects(fact: f.Fact) -> Effect | None:
    """The one effect that `fact` asks for, or None. The same fact always asks for the same."""
    match fact:
        case f.CommandIssued():
            return SendCommand(fact)
        case f.CommandReleased(command=command):
            return ReleaseCommand(command)
        case f.TimerSet(timer=timer, due=due):
            return SetTimer(timer, due)
        case f.TimerCleared(timer=timer):
            return ClearTimer(timer)
        case f.Subscribed(subscription=subscription, name=name, key=key, signal=signal):
            return OpenSubscription(subscription, name, key, signal)
        case f.Unsubscribed(subscription=subscription):
            return CloseSubscription(subscription)
        case f.SignalThrown():
            return BroadcastSignal(fact)
        case f.MessageThrown():
            return PublishMessage(fact)
        case f.ChildCalled():
            return StartChild(fact)
        case f.ChildTold():
            return TellChild(fact)
        case f.ParentTold():
            return TellParent(fact)
        case f.LocksRequested(step=step, names=names):
            return RequestLocks(step, names)
        case f.LocksTaken(step=step):
            return ConfirmLocks(step)
        case f.LocksReleased(step=step):
            return ReleaseLocks(step)
        case f.StatusChanged(status=status):
            return SetStatus(status, status in FINAL)
    return None


def all_effects(facts: Iterable[f.Fact]) -> list[Effect]:
    """The effects of several facts, in order."""
    return [effect for fact in facts if (effect := effects(fact)) is not None]
