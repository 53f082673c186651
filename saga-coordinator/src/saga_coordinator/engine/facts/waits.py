"""What steps wait for: timers, messages, signals, conditions, semantic locks."""

from typing import Any

from saga_coordinator.engine.facts.told import Told


class TimerSet(Told, frozen=True, kw_only=True, tag="timer-set"):
    """Wake the instance at `due` (ms). `purpose`: event, boundary, retry, probe or deadline; `element` is the event
    element it fires."""

    timer: int
    step: int
    due: int
    purpose: str
    element: str | None = None
    repeat: str | None = None


class TimerCleared(Told, frozen=True, kw_only=True, tag="timer-cleared"):
    """The timer fired or is not needed any more."""

    timer: int
    fired: bool = False


class Subscribed(Told, frozen=True, kw_only=True, tag="subscribed"):
    """Waits for a message `name` with correlation `key` (or, `signal`, for a signal); `element` is the event element
    that it fires."""

    subscription: int
    step: int
    name: str
    key: str
    element: str
    signal: bool = False


class Unsubscribed(Told, frozen=True, kw_only=True, tag="unsubscribed"):
    """The message came or is not awaited any more."""

    subscription: int
    fired: bool = False


class ConditionWatched(Told, frozen=True, kw_only=True, tag="condition-watched"):
    """Waits for the condition of event `element` to become true."""

    condition: int
    step: int
    element: str


class ConditionChanged(Told, frozen=True, kw_only=True, tag="condition-changed"):
    """The condition is true (`held`) or false now."""

    condition: int
    held: bool


class ConditionDropped(Told, frozen=True, kw_only=True, tag="condition-dropped"):
    """The condition came true or is not awaited any more."""

    condition: int


class SignalThrown(Told, frozen=True, kw_only=True, tag="signal-thrown"):
    """Everybody who waits for the signal gets it. Whoever waits in this instance has it already."""

    step: int
    name: str
    payload: Any = None


class MessageThrown(Told, frozen=True, kw_only=True, tag="message-thrown"):
    """A message for whoever waits for `name` with `key`, once."""

    step: int
    name: str
    key: str = ""
    payload: Any = None


class LocksRequested(Told, frozen=True, kw_only=True, tag="locks-requested"):
    """The step wants to hold these locks (sorted) before it begins; first come, first served."""

    step: int
    names: list[str]


class LocksBusy(Told, frozen=True, kw_only=True, tag="locks-busy"):
    """Who holds what the step waits for: instances by lock name."""

    step: int
    holders: dict[str, str]


class LocksTaken(Told, frozen=True, kw_only=True, tag="locks-taken"):
    """The instance holds these locks from now on, until it ends or the step's effect is undone."""

    step: int
    names: list[str]


class LocksReleased(Told, frozen=True, kw_only=True, tag="locks-released"):
    """The step's locks, or its request for them, are given up."""

    step: int
    names: list[str]
