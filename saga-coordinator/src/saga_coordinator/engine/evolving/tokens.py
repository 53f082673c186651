"""The instance, its tokens and its variables."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolving.steps import change, close, open_step
from saga_coordinator.engine.state import ROOT, InstanceState, Parked, Phase, Scope, Step


def _instance_started(state: InstanceState, fact: f.InstanceStarted) -> None:
    state.process, state.version = fact.process, fact.version
    state.business_key, state.digest = fact.business_key, fact.digest
    state.traceparent = fact.traceparent
    state.parent, state.parent_step = fact.parent, fact.parent_step
    state.scopes[ROOT] = Scope(id=ROOT, element=fact.process, variables=fact.variables)


def _status_changed(state: InstanceState, fact: f.StatusChanged) -> None:
    state.status = fact.status


def _variables_merged(state: InstanceState, fact: f.VariablesMerged) -> None:
    scope = state.scopes[fact.scope]
    state.scopes[fact.scope] = replace(scope, variables={**scope.variables, **fact.values})


def _entered(state: InstanceState, fact: f.Entered) -> None:
    open_step(state, Step(id=fact.step, element=fact.element, scope=fact.scope, via=fact.via, item=fact.item))


def _left(state: InstanceState, fact: f.Left) -> None:
    close(state, fact.step)


def _joined(state: InstanceState, fact: f.Joined) -> None:
    for step in fact.steps:
        if step != fact.into:
            close(state, step)
    change(state, fact.into, phase=Phase.ENTERED, waits_for=None)


def _interrupted(state: InstanceState, fact: f.Interrupted) -> None:
    if fact.lingers:
        change(state, fact.step, lingers=True)
    else:
        close(state, fact.step)


def _move_begun(state: InstanceState, fact: f.MoveBegun) -> None:
    step = Step(id=fact.step, element=fact.element, scope=fact.scope, phase=Phase.WAITING, waits_for="compensation")
    open_step(state, replace(step, moves=True))


def _suspended(state: InstanceState, fact: f.InstanceSuspended) -> None:
    state.suspended = True
    state.suspensions = (*state.suspensions, fact.cause)


def _lifted(state: InstanceState, fact: f.SuspensionLifted) -> None:
    state.suspensions = tuple(cause for cause in state.suspensions if cause != fact.cause)


def _resumed(state: InstanceState, fact: f.InstanceResumed) -> None:
    state.suspended, state.suspensions, state.parked, state.held = False, (), (), ()


def _token_parked(state: InstanceState, fact: f.TokenParked) -> None:
    state.parked = (*state.parked, Parked(element=fact.element, scope=fact.scope, via=fact.via))


def _tokens_dropped(state: InstanceState, fact: f.TokensDropped) -> None:
    state.parked = tuple(token for token in state.parked if token.scope != fact.scope)


def _timer_held(state: InstanceState, fact: f.TimerHeld) -> None:
    state.held = (*state.held, fact.timer)


def _instance_stopping(state: InstanceState, fact: f.InstanceStopping) -> None:
    state.stopping = fact


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    f.InstanceStarted: _instance_started,
    f.StatusChanged: _status_changed,
    f.VariablesMerged: _variables_merged,
    f.Entered: _entered,
    f.Left: _left,
    f.Joined: _joined,
    f.Interrupted: _interrupted,
    f.InstanceStopping: _instance_stopping,
    f.MoveBegun: _move_begun,
    f.InstanceSuspended: _suspended,
    f.SuspensionLifted: _lifted,
    f.InstanceResumed: _resumed,
    f.TokenParked: _token_parked,
    f.TokensDropped: _tokens_dropped,
    f.TimerHeld: _timer_held,
}
