"""Compensation that a diagram asks for: throw and end events, and transactions that are cancelled (BPMN 2.0, 13.5.5).

A throw reaches the completed activities of its own scope that have a handler or a declared undo; thrown in an event
sub-process, also those of the scope around that. A completed sub-process is undone by its handler, or else by what was
completed inside it; one that did not complete is out of reach, except for the cancel of the transaction that it stands
in. What backward recovery undoes (see `recovery`) does not follow these limits.
"""

from collections.abc import Iterable, Iterator

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import undo_of
from saga_coordinator.engine.log import newest_first, uncovered
from saga_coordinator.engine.process import EventDefinition
from saga_coordinator.engine.recovery import start_walk
from saga_coordinator.engine.state import Effect, InstanceState, Step
from saga_coordinator.engine.turn import Turn


def compensate(turn: Turn, step_id: int, event: EventDefinition) -> bool:
    """Undo what the throw of the step reaches; whether the step has to wait for it."""
    step = turn.state.steps[step_id]
    reached = [
        effect
        for scope in _reach(turn, step)
        for effect in list(turn.state.log.values())
        if effect.scope == scope and event.target in (None, effect.element) and effect.finished
    ]
    orders = [order for order in orders_of(turn.state, reached) if _has_handler(turn, turn.state.log[order])]
    if not orders:
        return False
    if event.waits:
        turn.emit(f.StepWaiting(step=step_id, waits_for="compensation"))
    start_walk(turn, orders, f"thrown by {step.element}", step_id if event.waits else None)
    return event.waits


def _has_handler(turn: Turn, effect: Effect) -> bool:
    """Whether something is drawn or declared that undoes it; a throw passes over the rest (a pivot, for one)."""
    if effect.handler is not None or effect.undo is not None or effect.child is not None:
        return True
    element = turn.process.elements.get(effect.element)
    return element is not None and undo_of(element) is not None


def orders_inside(state: InstanceState, scope: int) -> list[int]:
    """What is to be undone where a transaction is cancelled: everything inside, newest first."""
    left = [e for e in state.log.values() if scope in e.path and not e.undone and not e.only_holds]
    busy = _under_way(state)
    return uncovered(state, [effect for effect in left if effect.order not in busy])


def orders_of(state: InstanceState, effects: Iterable[Effect]) -> list[int]:
    """What is to be undone of these effects and of what they hold, newest first."""
    busy = _under_way(state)
    found = {leaf.order: leaf for effect in effects for leaf in _leaves(state, effect) if leaf.order not in busy}
    return newest_first(found.values())


def _under_way(state: InstanceState) -> set[int]:
    """What is being undone already."""
    return {order for walk in state.compensations.values() for order in walk.orders}


def _reach(turn: Turn, step: Step) -> Iterator[int]:
    """The scopes whose completed activities a throw at the step is for."""
    scope = turn.state.scopes[step.scope]
    yield scope.id
    owner = turn.state.steps.get(scope.step)
    if owner is None or not turn.process.elements[scope.element].by_event:
        return
    around = turn.state.scopes[owner.scope]
    handled = turn.state.steps.get(around.step)
    if handled is not None and handled.undoes is not None:  # it is the handler of a completed sub-process
        inside = turn.state.log[handled.undoes].inside
        if inside is not None:
            yield inside
    else:
        yield around.id


def _leaves(state: InstanceState, effect: Effect) -> Iterator[Effect]:
    """The effect, or (of a completed sub-process without a handler) those of the activities completed inside."""
    if effect.undone:
        return
    if not effect.only_holds:
        yield effect
    elif effect.inside is not None:
        for inner in state.log.values():
            if inner.path and inner.path[-1] == effect.inside:
                yield from _leaves(state, inner)
