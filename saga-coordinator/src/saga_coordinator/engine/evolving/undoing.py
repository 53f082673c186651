"""Effects being undone."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolving.steps import close, open_step
from saga_coordinator.engine.state import Compensation, InstanceState, Step


def _compensation_started(state: InstanceState, fact: f.CompensationStarted) -> None:
    state.counter = max(state.counter, fact.compensation)
    state.compensations[fact.compensation] = Compensation(
        id=fact.compensation,
        orders=tuple(fact.orders),
        then=fact.then,
        step=fact.step,
        awaits=fact.awaits,
        within=fact.within,
    )


def _compensation_of(state: InstanceState, order: int) -> Compensation | None:
    return next((c for c in state.compensations.values() if order in c.orders), None)


def _undo_started(state: InstanceState, fact: f.UndoStarted) -> None:
    open_step(
        state,
        Step(
            id=fact.step,
            element=fact.element,
            scope=fact.scope,
            undoes=fact.order,
            handler=fact.handler,
            child=state.log[fact.order].child if fact.order in state.log else None,
        ),
    )
    walk = _compensation_of(state, fact.order)
    if walk is not None:
        state.compensations[walk.id] = replace(walk, active={**walk.active, fact.step: fact.order})


def _undone(state: InstanceState, fact: f.Undone) -> None:
    effect = state.log.get(fact.order)
    if effect is not None:
        state.log[fact.order] = replace(effect, undone=True, snapshot={})
    walk = _compensation_of(state, fact.order)
    if walk is not None:
        active = {step: order for step, order in walk.active.items() if order != fact.order}
        state.compensations[walk.id] = replace(walk, orders=_without(walk.orders, fact.order), active=active)
    if fact.step is not None:
        close(state, fact.step)


def _without(orders: tuple[int, ...], done: int) -> tuple[int, ...]:
    return orders[1:] if orders[0] == done else tuple(order for order in orders if order != done)


def _compensation_ended(state: InstanceState, fact: f.CompensationEnded) -> None:
    state.compensations.pop(fact.compensation, None)


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    f.CompensationStarted: _compensation_started,
    f.UndoStarted: _undo_started,
    f.Undone: _undone,
    f.CompensationEnded: _compensation_ended,
}
