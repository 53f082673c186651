"""Backward recovery: completed steps are undone strictly one after another, newest completion first, in every scope.

running --stop--> nothing new starts; commands that are out are probed
        --settled--> the walk: UndoStarted, its command or handler, Undone, next
        --walk over--> effects that turned up meanwhile are walked too, then the final status
"""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.commands import execute
from saga_coordinator.engine.incidents import CANNOT_UNDO, raise_incident
from saga_coordinator.engine.interrupting import interrupt_scope
from saga_coordinator.engine.locking import release, release_all
from saga_coordinator.engine.process import Operation
from saga_coordinator.engine.state import ROOT, Compensation, InstanceState
from saga_coordinator.engine.turn import Turn


def stop(turn: Turn, then: str, *, undo: bool, reason: str = "") -> None:
    """End everything that is open, and head for the final status `then`."""
    turn.emit(f.InstanceStopping(then=then, undo=undo, reason=reason))
    interrupt_scope(turn, ROOT)


def orders_to_undo(state: InstanceState) -> list[int]:
    """Completion orders of the effects that recovery undoes, newest first. What is inside a completed sub-process
    with a handler of its own is that handler's business."""
    covered = {e.inside for e in state.log.values() if e.inside is not None and e.handler is not None}
    return sorted(
        (e.order for e in state.log.values() if not e.undone and not covered.intersection(e.path)), reverse=True
    )


def proceed(turn: Turn) -> bool:
    """Start the next undo of every walk that has none at work; True if anything happened."""
    moved = False
    for walk in list(turn.state.compensations.values()):
        if walk.active is not None:
            continue
        moved = True
        if walk.orders:
            _undo_next(turn, walk)
        else:
            turn.emit(f.CompensationEnded(compensation=walk.id))
            turn.check(ROOT)
    return moved


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
    turn.emit(f.StatusChanged(status=status))
    release_all(turn)


def start_walk(turn: Turn, orders: list[int], reason: str = "") -> None:
    """Undo these effects, in this order."""
    stopping = turn.state.stopping
    turn.emit(
        f.CompensationStarted(
            compensation=turn.new_id(), orders=orders, then=stopping.then if stopping else None, reason=reason
        )
    )


def perform(turn: Turn, step_id: int) -> None:
    """Do the undo that the step is for: by its drawn handler, else by its operation."""
    step = turn.state.steps[step_id]
    effect = turn.state.log[step.undo_of]
    if effect.handler is not None:
        _run_handler(turn, step_id, effect.handler, effect.snapshot)
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


def undone(turn: Turn, step_id: int) -> None:
    """The undo step did its work."""
    step = turn.state.steps[step_id]
    turn.emit(f.Undone(order=step.undo_of, element=step.element, step=step_id))
    release(turn, turn.state.log[step.undo_of].step)
    turn.check(ROOT)


def _undo_next(turn: Turn, walk: Compensation) -> None:
    effect = turn.state.log[walk.orders[0]]
    step_id = turn.new_id()
    turn.emit(
        f.UndoStarted(step=step_id, order=effect.order, element=effect.element, scope=ROOT, handler=effect.handler)
    )
    perform(turn, step_id)


def _run_handler(turn: Turn, step_id: int, handler: str, snapshot: dict[str, Any]) -> None:
    scope = turn.new_id()
    turn.emit(f.ScopeOpened(scope=scope, parent=ROOT, step=step_id, element=handler, variables=snapshot))
    turn.start(handler, scope)
