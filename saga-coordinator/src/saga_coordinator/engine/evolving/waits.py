"""What steps wait for: timers, messages, conditions, locks, other instances."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolving.steps import change
from saga_coordinator.engine.state import Condition, InstanceState, LockRequest, Phase, Subscription, Timer


def _timer_set(state: InstanceState, fact: f.TimerSet) -> None:
    state.counter = max(state.counter, fact.timer)
    state.timers[fact.timer] = Timer(
        id=fact.timer,
        step=fact.step,
        due=fact.due,
        purpose=fact.purpose,
        element=fact.element,
        repeat=fact.repeat,
    )
    step = state.steps.get(fact.step)
    if step is not None:
        state.steps[step.id] = replace(step, timers=(*step.timers, fact.timer))


def _timer_cleared(state: InstanceState, fact: f.TimerCleared) -> None:
    timer = state.timers.pop(fact.timer, None)
    step = state.steps.get(timer.step) if timer else None
    if step is not None:
        left = tuple(t for t in step.timers if t != fact.timer)
        state.steps[step.id] = replace(step, timers=left)


def _subscribed(state: InstanceState, fact: f.Subscribed) -> None:
    state.counter = max(state.counter, fact.subscription)
    state.subscriptions[fact.subscription] = Subscription(
        id=fact.subscription,
        step=fact.step,
        name=fact.name,
        key=fact.key,
        element=fact.element,
        signal=fact.signal,
    )
    step = state.steps.get(fact.step)
    if step is not None:
        state.steps[step.id] = replace(step, subscriptions=(*step.subscriptions, fact.subscription))


def _unsubscribed(state: InstanceState, fact: f.Unsubscribed) -> None:
    subscription = state.subscriptions.pop(fact.subscription, None)
    step = state.steps.get(subscription.step) if subscription else None
    if step is not None:
        left = tuple(s for s in step.subscriptions if s != fact.subscription)
        state.steps[step.id] = replace(step, subscriptions=left)


def _locks_requested(state: InstanceState, fact: f.LocksRequested) -> None:
    state.locks[fact.step] = LockRequest(step=fact.step, names=tuple(fact.names))


def _locks_busy(state: InstanceState, fact: f.LocksBusy) -> None:
    request = state.locks.get(fact.step)
    if request is not None:
        state.locks[fact.step] = replace(request, holders=fact.holders)


def _locks_taken(state: InstanceState, fact: f.LocksTaken) -> None:
    state.locks[fact.step] = LockRequest(step=fact.step, names=tuple(fact.names), taken=True)
    change(state, fact.step, phase=Phase.ENTERED, waits_for=None)


def _locks_released(state: InstanceState, fact: f.LocksReleased) -> None:
    state.locks.pop(fact.step, None)


def _condition_watched(state: InstanceState, fact: f.ConditionWatched) -> None:
    state.counter = max(state.counter, fact.condition)
    state.conditions[fact.condition] = Condition(id=fact.condition, step=fact.step, element=fact.element)
    step = state.steps.get(fact.step)
    if step is not None:
        state.steps[step.id] = replace(step, conditions=(*step.conditions, fact.condition))


def _condition_changed(state: InstanceState, fact: f.ConditionChanged) -> None:
    known = state.conditions.get(fact.condition)
    if known is not None:
        state.conditions[known.id] = replace(known, held=fact.held)


def _condition_dropped(state: InstanceState, fact: f.ConditionDropped) -> None:
    condition = state.conditions.pop(fact.condition, None)
    step = state.steps.get(condition.step) if condition else None
    if step is not None:
        left = tuple(c for c in step.conditions if c != fact.condition)
        state.steps[step.id] = replace(step, conditions=left)


def _child_called(state: InstanceState, fact: f.ChildCalled) -> None:
    change(state, fact.step, phase=Phase.CALLING, child=fact.child, calls=fact.call)


def _parent_told(state: InstanceState, fact: f.ParentTold) -> None:
    state.told = fact.number


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    f.TimerSet: _timer_set,
    f.TimerCleared: _timer_cleared,
    f.Subscribed: _subscribed,
    f.Unsubscribed: _unsubscribed,
    f.ConditionWatched: _condition_watched,
    f.ConditionChanged: _condition_changed,
    f.ConditionDropped: _condition_dropped,
    f.LocksRequested: _locks_requested,
    f.LocksBusy: _locks_busy,
    f.LocksTaken: _locks_taken,
    f.LocksReleased: _locks_released,
    f.ChildCalled: _child_called,
    f.ParentTold: _parent_told,
}
