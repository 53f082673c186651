"""Scopes: sub-processes, items of multi-instances, event sub-processes that wait."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolving.steps import change, close, open_step
from saga_coordinator.engine.state import InstanceState, Phase, Rounds, Scope, Step
from saga_coordinator.engine.table import copied


def _scope_opened(state: InstanceState, fact: f.ScopeOpened) -> None:
    state.counter = max(state.counter, fact.scope)
    state.scopes[fact.scope] = Scope(
        id=fact.scope,
        parent=fact.parent,
        step=fact.step,
        element=fact.element,
        variables=fact.variables,
        item=fact.item,
    )
    if fact.item is None:
        change(state, fact.step, phase=Phase.INSIDE, inside=fact.scope)
    else:
        _count(state, fact.parent, begun=1, open_=1)


def _scope_closing(state: InstanceState, fact: f.ScopeClosing) -> None:
    state.scopes[fact.scope] = replace(state.scopes[fact.scope], closing=True)


def _scope_closed(state: InstanceState, fact: f.ScopeClosed) -> None:
    closed = state.scopes.pop(fact.scope, None)
    if closed is not None and closed.item is not None:
        _count(state, closed.parent, open_=-1)


def _count(state: InstanceState, scope: int, *, begun: int = 0, open_: int = 0) -> None:
    around = state.scopes.get(scope)
    if around is not None and around.rounds is not None:
        rounds = replace(around.rounds, begun=around.rounds.begun + begun, open=around.rounds.open + open_)
        state.scopes[scope] = replace(around, rounds=rounds)


def _listener_opened(state: InstanceState, fact: f.ListenerOpened) -> None:
    step = Step(id=fact.step, element=fact.element, scope=fact.scope, phase=Phase.WAITING, listens=True)
    open_step(state, step)


def _listener_closed(state: InstanceState, fact: f.ListenerClosed) -> None:
    close(state, fact.step)


def _transaction_cancelled(state: InstanceState, fact: f.TransactionCancelled) -> None:
    state.scopes[fact.scope] = replace(state.scopes[fact.scope], cancelled=True, by=fact.by)


def _rounds_planned(state: InstanceState, fact: f.RoundsPlanned) -> None:
    values = tuple(fact.values) if fact.values is not None else None
    state.scopes[fact.scope] = replace(state.scopes[fact.scope], rounds=Rounds(total=fact.total, values=values))


def _round_done(state: InstanceState, fact: f.RoundDone) -> None:
    scope = state.scopes[fact.scope]
    rounds = scope.rounds or Rounds()
    results = rounds.results
    if fact.result is not None:
        results = copied(results)
        results[fact.item] = fact.result
    state.scopes[fact.scope] = replace(scope, rounds=replace(rounds, done=rounds.done + 1, results=results))


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    f.ScopeOpened: _scope_opened,
    f.ScopeClosing: _scope_closing,
    f.ScopeClosed: _scope_closed,
    f.ListenerOpened: _listener_opened,
    f.ListenerClosed: _listener_closed,
    f.TransactionCancelled: _transaction_cancelled,
    f.RoundsPlanned: _rounds_planned,
    f.RoundDone: _round_done,
}
