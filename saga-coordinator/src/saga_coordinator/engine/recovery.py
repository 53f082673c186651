"""Backward recovery: completed steps are undone strictly one after another, newest completion first, in every scope.

running --stop--> nothing new starts; commands that are out are probed
        --settled--> the walk: UndoStarted, its command or handler, Undone, next
        --walk over--> effects that turned up meanwhile are walked too, then the final status
"""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import move_on
from saga_coordinator.engine.children import ask_to_undo, tell_end
from saga_coordinator.engine.commands import execute
from saga_coordinator.engine.incidents import CANNOT_UNDO, raise_incident
from saga_coordinator.engine.interrupting import interrupt_scope
from saga_coordinator.engine.listening import close_listeners
from saga_coordinator.engine.locking import release, release_all
from saga_coordinator.engine.log import orders_to_undo, uncovered
from saga_coordinator.engine.process import Operation
from saga_coordinator.engine.state import ROOT, Compensation, InstanceState
from saga_coordinator.engine.turn import Turn


def stop(
    turn: Turn, then: str, *, undo: bool, reason: str = "", code: str | None = None, partial: bool = False
) -> None:
    """End everything that is open, and head for the final status `then` (`code`: with this error for the caller;
    `partial`: after undoing only what the caller asks for)."""
    turn.emit(f.InstanceStopping(then=then, undo=undo, reason=reason, code=code, partial=partial))
    interrupt_scope(turn, ROOT)


def proceed(turn: Turn) -> bool:
    """Start the next undo of every walk that has none at work; True if anything happened."""
    moved = False
    for known in list(turn.state.compensations.values()):
        if known.awaits is not None:
            moved = _settle(turn, known) or moved
            continue
        walk: Compensation | None = known
        while walk is not None and (order := _next(turn.state, walk)) is not None:
            moved = True
            _undo(turn, order)
            walk = turn.state.compensations.get(known.id)
        if walk is not None and not walk.orders:
            moved = True
            _end_walk(turn, walk)
    return moved


def _settle(turn: Turn, walk: Compensation) -> bool:
    """The walk begins when the outcome that it awaits is known, with what turned up then in its place; whether it
    does."""
    if walk.awaits in turn.state.steps:
        return False
    known = [turn.state.log[order] for order in walk.orders]
    late = [
        effect
        for effect in turn.state.log.values()
        if (effect.step == walk.awaits or walk.within in effect.path) and not effect.undone and not effect.only_holds
    ]
    orders = uncovered(turn.state, {effect.order: effect for effect in (*known, *late)}.values())
    turn.emit(f.CompensationStarted(compensation=walk.id, orders=orders, step=walk.step))
    return True


def _next(state: InstanceState, walk: Compensation) -> int | None:
    """What is to be undone next: one at a time, except beside others of a scope that wants them together."""
    at_work = set(walk.active.values())
    order = next((order for order in walk.orders if order not in at_work), None)
    if order is None or not at_work:
        return order
    together = {state.log[other].together for other in (*at_work, order)}
    return order if len(together) == 1 and together != {None} else None


def _end_walk(turn: Turn, walk: Compensation) -> None:
    """Whoever asked for it goes on: a compensation event, or a transaction that was cancelled."""
    turn.emit(f.CompensationEnded(compensation=walk.id))
    step = turn.state.steps.get(walk.step) if walk.step is not None else None
    if step is None:
        turn.check(ROOT)
    elif step.inside is not None:
        turn.check(step.inside)
    elif step.moves:
        turn.emit(f.Left(step=step.id, flows=[]))
        turn.start(step.element, step.scope)
    elif not step.lingers:
        move_on(turn, step.id)


def conclude(turn: Turn) -> bool:
    """When a stopping instance has nothing open any more: walk the effects that are left, else end it. True if
    anything happened."""
    stopping = turn.state.stopping
    if stopping is None or turn.state.ended or turn.state.scopes[ROOT].steps or turn.state.compensations:
        return False
    orders = orders_to_undo(turn.state) if stopping.undo else []
    if orders:
        start_walk(turn, orders, stopping.reason)
    else:
        end(turn, stopping.then)
    return True


def end(turn: Turn, status: str) -> None:
    """The instance takes its final status and gives up what it held."""
    close_listeners(turn, ROOT)
    for timer in [timer.id for timer in turn.state.timers.values() if timer.step == 0]:
        turn.emit(f.TimerCleared(timer=timer))
    handler = turn.process.body.handler if status == "completed" and turn.state.parent is not None else None
    if handler is not None and not any(effect.inside == ROOT for effect in turn.state.log.values()):
        _register_handler(turn, handler)
    turn.emit(f.StatusChanged(status=status))
    release_all(turn)
    tell_end(turn)


def _register_handler(turn: Turn, handler: str) -> None:
    """A called process that compensates itself is undone, as a whole, by its handler."""
    order = turn.state.order + 1
    turn.emit(f.StepCompleted(step=0, element=turn.process.id, order=order, handler=handler, body=True))


def start_walk(
    turn: Turn,
    orders: list[int],
    reason: str = "",
    step: int | None = None,
    *,
    awaits: int | None = None,
    within: int | None = None,
) -> None:
    """Undo these effects, in this order; `step` waits for it. With `awaits` not before the outcome of that step is
    known: what it (and everything in the scope `within`) turns out to have done is undone, too."""
    stopping = turn.state.stopping
    turn.emit(
        f.CompensationStarted(
            compensation=turn.new_id(),
            orders=orders,
            then=stopping.then if stopping and step is None else None,
            step=step,
            reason=reason,
            awaits=awaits,
            within=within,
        )
    )


def perform(turn: Turn, step_id: int) -> None:
    """Do the undo that the step is for: by its drawn handler, else by its operation."""
    step = turn.state.steps[step_id]
    effect = turn.state.log[step.undo_of]
    if effect.handler is not None:
        _run_handler(turn, step_id, effect.handler, effect.snapshot)
    elif effect.child is not None:
        turn.emit(f.StepWaiting(step=step_id, waits_for="child"))
        turn.emit(ask_to_undo(turn.state, step_id, effect))
    elif effect.undo is None:
        message = f"nothing is declared that undoes {effect.element}"
        raise_incident(turn, step_id, CANNOT_UNDO, message, "undo")
    else:
        undo = effect.undo
        operation = Operation(
            name=undo.operation,
            system=undo.system,
            safe_to_repeat=undo.safe_to_repeat,
            probe=undo.probe,
            timeout=undo.timeout,
        )
        execute(turn, step, operation, undo.input)


def undone(turn: Turn, step_id: int, *, null: bool = False) -> None:
    """The undo step did its work, or (`null`) there was nothing to undo."""
    step = turn.state.steps[step_id]
    turn.emit(f.Undone(order=step.undo_of, element=step.element, step=step_id, null=null))
    release(turn, turn.state.log[step.undo_of].step)
    turn.check(ROOT)


def _undo(turn: Turn, order: int) -> None:
    effect = turn.state.log[order]
    step_id = turn.new_id()
    turn.emit(
        f.UndoStarted(step=step_id, order=effect.order, element=effect.element, scope=ROOT, handler=effect.handler)
    )
    perform(turn, step_id)


def _run_handler(turn: Turn, step_id: int, handler: str, snapshot: dict[str, Any]) -> None:
    scope = turn.new_id()
    turn.emit(f.ScopeOpened(scope=scope, parent=ROOT, step=step_id, element=handler, variables=snapshot))
    turn.start(handler, scope)
