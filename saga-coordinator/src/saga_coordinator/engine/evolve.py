"""What is true after a fact. Never fails on a fact that was decided, never evaluates anything."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.state import (
    ROOT,
    Absent,
    Compensation,
    Effect,
    InstanceState,
    LockRequest,
    Phase,
    Scope,
    Step,
    Subscription,
    Timer,
)


def evolve(state: InstanceState, fact: f.Fact) -> InstanceState:
    """The state after `fact`; `state` itself does not change."""
    after = state.fork()
    apply(after, fact)
    return after


def fold(state: InstanceState, facts: Iterable[f.Fact], *, seq: int, at: int) -> InstanceState:
    """The state after journal row `seq`, taken at `at` (ms). `state` itself does not change."""
    after = state.fork()
    for fact in facts:
        apply(after, fact)
    after.seq = seq
    after.now = max(after.now, at)
    return after


def apply(state: InstanceState, fact: f.Fact) -> None:
    """Evolve a state that the caller owns (a fork), in place."""
    _APPLY[type(fact)](state, fact)


def _set(state: InstanceState, step: int, **changes: Any) -> None:
    known = state.steps.get(step)
    if known is not None:
        state.steps[step] = replace(known, **changes)


def _open(state: InstanceState, step: Step) -> None:
    state.steps[step.id] = step
    state.counter = max(state.counter, step.id)
    scope = state.scopes[step.scope]
    state.scopes[step.scope] = replace(scope, steps={**scope.steps, step.id: None})


def _close(state: InstanceState, step_id: int) -> None:
    step = state.steps.pop(step_id, None)
    if step is None:
        return
    state.incidents.pop(step_id, None)
    scope = state.scopes.get(step.scope)
    if scope is not None:
        steps = scope.steps.copy()
        steps.pop(step_id, None)
        state.scopes[step.scope] = replace(scope, steps=steps)


def _instance_started(state: InstanceState, fact: f.InstanceStarted) -> None:
    state.process, state.version = fact.process, fact.version
    state.business_key, state.digest = fact.business_key, fact.digest
    state.traceparent = fact.traceparent
    state.scopes[ROOT] = Scope(id=ROOT, element=fact.process, variables=fact.variables)


def _status_changed(state: InstanceState, fact: f.StatusChanged) -> None:
    state.status = fact.status


def _variables_merged(state: InstanceState, fact: f.VariablesMerged) -> None:
    scope = state.scopes[fact.scope]
    state.scopes[fact.scope] = replace(scope, variables={**scope.variables, **fact.values})


def _entered(state: InstanceState, fact: f.Entered) -> None:
    _open(state, Step(id=fact.step, element=fact.element, scope=fact.scope, via=fact.via))


def _left(state: InstanceState, fact: f.Left) -> None:
    _close(state, fact.step)


def _joined(state: InstanceState, fact: f.Joined) -> None:
    for step in fact.steps:
        if step != fact.into:
            _close(state, step)
    _set(state, fact.into, phase=Phase.ENTERED, waits_for=None)


def _interrupted(state: InstanceState, fact: f.Interrupted) -> None:
    if fact.lingers:
        _set(state, fact.step, lingers=True)
    else:
        _close(state, fact.step)


def _scope_opened(state: InstanceState, fact: f.ScopeOpened) -> None:
    state.counter = max(state.counter, fact.scope)
    state.scopes[fact.scope] = Scope(
        id=fact.scope, parent=fact.parent, step=fact.step, element=fact.element, variables=fact.variables
    )
    _set(state, fact.step, phase=Phase.INSIDE, inside=fact.scope)


def _scope_closing(state: InstanceState, fact: f.ScopeClosing) -> None:
    state.scopes[fact.scope] = replace(state.scopes[fact.scope], closing=True)


def _scope_closed(state: InstanceState, fact: f.ScopeClosed) -> None:
    state.scopes.pop(fact.scope, None)


def _step_waiting(state: InstanceState, fact: f.StepWaiting) -> None:
    _set(state, fact.step, phase=Phase.WAITING, waits_for=fact.waits_for)


def _command_issued(state: InstanceState, fact: f.CommandIssued) -> None:
    if fact.kind == "probe":
        known = state.steps.get(fact.step)
        probes = known.probes + 1 if known else 1
        _set(state, fact.step, phase=Phase.PROBING, probe=fact, probes=probes)
    else:
        _set(state, fact.step, phase=Phase.EXECUTING, command=fact, attempt=fact.attempt)


def _step_accepted(state: InstanceState, fact: f.StepAccepted) -> None:
    _set(state, fact.step, phase=Phase.ACCEPTED, accepted=True, reference=fact.reference)


def _step_completed(state: InstanceState, fact: f.StepCompleted) -> None:
    state.order = fact.order
    if fact.step_class == "pivot":
        state.pivoted = True
    scope = fact.scope if fact.scope is not None else ROOT
    step = state.steps.get(fact.step)
    if step is not None and fact.element == step.element and not fact.late:
        state.steps[step.id] = step = replace(step, completed=True)
    if fact.undo is None and fact.handler is None and not fact.irreversible:
        return
    state.log[fact.order] = Effect(
        order=fact.order,
        step=fact.step,
        element=fact.element,
        scope=scope,
        path=state.path(scope) if scope in state.scopes else (ROOT,),
        undo=fact.undo,
        handler=fact.handler,
        inside=step.inside if step is not None else None,
        snapshot={**state.variables(scope), **fact.own} if fact.handler and scope in state.scopes else {},
        irreversible=fact.irreversible,
    )


def _step_rejected(state: InstanceState, fact: f.StepRejected) -> None:
    _settled(state, fact.step, Phase.ENTERED)


def _step_unavailable(state: InstanceState, fact: f.StepUnavailable) -> None:
    if fact.unsure:
        _set(state, fact.step, phase=Phase.BACKOFF)
    else:
        _settled(state, fact.step, Phase.BACKOFF)


def _settled(state: InstanceState, step: int, phase: Phase) -> None:
    """The last attempt was certainly not applied; of an earlier one nobody may know still."""
    known = state.steps.get(step)
    if known is not None:
        state.steps[step] = replace(known, phase=phase, unsure=known.unsure if known.unsure < known.attempt else 0)


def _step_unknown(state: InstanceState, fact: f.StepUnknown) -> None:
    _set(state, fact.step, phase=Phase.PROBE_WAIT, unsure=fact.attempt)


def _probe_answered(state: InstanceState, fact: f.ProbeAnswered) -> None:
    step = state.steps.get(fact.step)
    if step is None:
        return
    if fact.verdict == "absent" and step.command is not None and step.undoes is None:
        state.absents[step.command.command] = Absent(element=step.element, scope=step.scope, command=step.command)
    known = fact.verdict in ("applied", "absent")
    _set(state, fact.step, phase=Phase.PROBE_WAIT, unsure=0 if known else step.unsure)


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
        id=fact.subscription, step=fact.step, name=fact.name, key=fact.key, element=fact.element
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


def _incident_raised(state: InstanceState, fact: f.IncidentRaised) -> None:
    if fact.step in state.steps:
        _set(state, fact.step, phase=Phase.INCIDENT, incident=fact)
        state.incidents[fact.step] = None


def _incident_resolved(state: InstanceState, fact: f.IncidentResolved) -> None:
    _set(state, fact.step, phase=Phase.ENTERED, incident=None)
    state.incidents.pop(fact.step, None)


def _instance_stopping(state: InstanceState, fact: f.InstanceStopping) -> None:
    state.stopping = fact


def _compensation_started(state: InstanceState, fact: f.CompensationStarted) -> None:
    state.counter = max(state.counter, fact.compensation)
    state.compensations[fact.compensation] = Compensation(
        id=fact.compensation, orders=tuple(fact.orders), then=fact.then, step=fact.step
    )


def _compensation_of(state: InstanceState, order: int) -> Compensation | None:
    return next((c for c in state.compensations.values() if order in c.orders), None)


def _undo_started(state: InstanceState, fact: f.UndoStarted) -> None:
    _open(
        state,
        Step(id=fact.step, element=fact.element, scope=fact.scope, undoes=fact.order, handler=fact.handler),
    )
    walk = _compensation_of(state, fact.order)
    if walk is not None:
        state.compensations[walk.id] = replace(walk, active=fact.step)


def _undone(state: InstanceState, fact: f.Undone) -> None:
    effect = state.log.get(fact.order)
    if effect is not None:
        state.log[fact.order] = replace(effect, undone=True, snapshot={})
    walk = _compensation_of(state, fact.order)
    if walk is not None:
        left = tuple(order for order in walk.orders if order != fact.order)
        state.compensations[walk.id] = replace(walk, orders=left, active=None)
    if fact.step is not None:
        _close(state, fact.step)


def _compensation_ended(state: InstanceState, fact: f.CompensationEnded) -> None:
    state.compensations.pop(fact.compensation, None)


def _late_effect_held(state: InstanceState, fact: f.LateEffectHeld) -> None:
    step = state.steps[fact.step]
    state.steps[step.id] = replace(step, held=(*step.held, fact))


def _late_effect_found(state: InstanceState, fact: f.LateEffectFound) -> None:
    state.absents.pop(fact.command, None)


def _locks_requested(state: InstanceState, fact: f.LocksRequested) -> None:
    state.locks[fact.step] = LockRequest(step=fact.step, names=tuple(fact.names))


def _locks_busy(state: InstanceState, fact: f.LocksBusy) -> None:
    request = state.locks.get(fact.step)
    if request is not None:
        state.locks[fact.step] = replace(request, holders=fact.holders)


def _locks_taken(state: InstanceState, fact: f.LocksTaken) -> None:
    state.locks[fact.step] = LockRequest(step=fact.step, names=tuple(fact.names), taken=True)
    _set(state, fact.step, phase=Phase.ENTERED, waits_for=None)


def _locks_released(state: InstanceState, fact: f.LocksReleased) -> None:
    state.locks.pop(fact.step, None)


def _nothing(state: InstanceState, fact: f.Fact) -> None:
    """The fact is told for people; it changes nothing that is decided on."""


_APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    f.InstanceStarted: _instance_started,
    f.StatusChanged: _status_changed,
    f.VariablesMerged: _variables_merged,
    f.Entered: _entered,
    f.Left: _left,
    f.Joined: _joined,
    f.Interrupted: _interrupted,
    f.ScopeOpened: _scope_opened,
    f.ScopeClosing: _scope_closing,
    f.ScopeClosed: _scope_closed,
    f.StepWaiting: _step_waiting,
    f.CommandIssued: _command_issued,
    f.StepAccepted: _step_accepted,
    f.StepCompleted: _step_completed,
    f.StepRejected: _step_rejected,
    f.StepUnavailable: _step_unavailable,
    f.StepUnknown: _step_unknown,
    f.ProbeAnswered: _probe_answered,
    f.ReplyIgnored: _nothing,
    f.InputIgnored: _nothing,
    f.LateEffectFound: _late_effect_found,
    f.LateEffectHeld: _late_effect_held,
    f.TimerSet: _timer_set,
    f.TimerCleared: _timer_cleared,
    f.Subscribed: _subscribed,
    f.Unsubscribed: _unsubscribed,
    f.LocksRequested: _locks_requested,
    f.LocksBusy: _locks_busy,
    f.LocksTaken: _locks_taken,
    f.LocksReleased: _locks_released,
    f.ErrorThrown: _nothing,
    f.IncidentRaised: _incident_raised,
    f.IncidentResolved: _incident_resolved,
    f.OperatorActed: _nothing,
    f.InstanceStopping: _instance_stopping,
    f.CompensationStarted: _compensation_started,
    f.UndoStarted: _undo_started,
    f.Undone: _undone,
    f.CompensationEnded: _compensation_ended,
}
