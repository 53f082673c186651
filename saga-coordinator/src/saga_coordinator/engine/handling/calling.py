"""What a caller and its child tell each other (see `children`)."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import suspending
from saga_coordinator.engine.activities import complete
from saga_coordinator.engine.children import keep_effects, tell_end, tell_parent
from saga_coordinator.engine.handling.arriving import go_on
from saga_coordinator.engine.incidents import CHILD_ENDED, CHILD_REFUSED, raise_incident
from saga_coordinator.engine.log import orders_to_undo
from saga_coordinator.engine.recovery import start_walk, stop, undone
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.engine.throwing import throw_error, throw_escalation
from saga_coordinator.engine.turn import Turn
from saga_coordinator.engine.waiting import disarm

_WHY = "the caller is undone"


def _child_reported(turn: Turn, report: i.ChildReported) -> bool:
    step = _waiting(turn, report)
    if step is not None and report.pivoted and step.undoes is None and not turn.state.pivoted:
        turn.emit(f.PivotPassed(step=step.id))
        tell_parent(turn, "pivoted")
    if report.outcome == "pivoted":
        return True
    if step is None:
        turn.emit(f.InputIgnored(reason=f"nobody waits for {report.child} any more"))
    elif step.undoes is not None:
        _undo_reported(turn, step, report)
    elif report.outcome == "escalated":
        throw_escalation(turn, step.id, report.code or "", report.output)
    elif step.lingers:
        _keep_effects(turn, step, report)
        turn.leave(step.id, [])
    elif report.outcome == "completed":
        if turn.element(step).handler is None:
            keep_effects(turn, step, report.child, report.times, finished=True)
        complete(turn, step.id, report.output)
    elif report.outcome == "failed":
        _keep_effects(turn, step, report)
        throw_error(turn, step.id, report.code or "", report.message, resume="enter")
    elif report.outcome == "refused":
        raise_incident(turn, step.id, CHILD_REFUSED, report.message, "enter")
    else:
        _keep_effects(turn, step, report)
        raise_incident(turn, step.id, CHILD_ENDED, f"{report.child} was {report.outcome}: {report.message}", "enter")
    return True


def _waiting(turn: Turn, report: i.ChildReported) -> Step | None:
    """Who waits for the child: the step that called it, or the one that has it undone."""
    steps = turn.state.steps.values()
    return next((step for step in steps if step.child == report.child and not step.completed), None)


def _undo_reported(turn: Turn, step: Step, report: i.ChildReported) -> None:
    if report.outcome == "compensated":
        undone(turn, step.id)
    elif step.phase is not Phase.INCIDENT:
        message = f"{report.child} is {report.outcome}, and not undone: {report.message}"
        raise_incident(turn, step.id, CHILD_ENDED, message, "undo")


def _keep_effects(turn: Turn, step: Step, report: i.ChildReported) -> None:
    """What the child did before it ended can still be undone."""
    disarm(turn, step.id)
    if not turn.is_undoing(step):
        keep_effects(turn, step, report.child, report.times, finished=False)


def _parent_asked(turn: Turn, ask: i.ParentAsked) -> bool:
    if ask.what == "suspend":
        if not turn.state.ended and suspending.CALLER not in turn.state.suspensions:
            suspending.suspend(turn, suspending.CALLER)
        return True
    if ask.what == "resume":
        go_on(turn, suspending.CALLER)
        return True
    if turn.state.suspended:
        go_on(turn)
    if ask.what == "undo":
        _undo_newest(turn, ask.left)
    elif ask.what == "stop":
        _stop(turn)
    return True


def _stop(turn: Turn) -> None:
    if turn.state.ended:
        tell_end(turn)
    elif turn.state.stopping is None:
        stop(turn, "cancelled", undo=False, reason="the caller has ended it")


def _undo_newest(turn: Turn, left: int) -> None:
    """What this instance did last is undone, also after it has ended: everything, or (what the caller did in between
    comes first) only so much that `left` effects are left."""
    state = turn.state
    if state.stopping is not None and not state.ended and state.stopping.undo:
        return
    orders = orders_to_undo(state)
    newest = orders[: max(len(orders) - left, 0)]
    if not state.ended:
        stop(turn, "compensated", undo=True, reason=_WHY)
    elif not newest:
        if not left:
            turn.emit(f.StatusChanged(status="compensated"))
        tell_parent(turn, "compensated")
    elif left:
        final = state.status
        turn.emit(f.StatusChanged(status="compensating"))
        stop(turn, final, undo=False, reason=_WHY, partial=True)
        start_walk(turn, newest, _WHY)
    else:
        turn.emit(f.StatusChanged(status="compensating"))
        stop(turn, "compensated", undo=True, reason=_WHY)


HANDLE: dict[type, Callable[[Turn, Any], bool]] = {
    i.ChildReported: _child_reported,
    i.ParentAsked: _parent_asked,
}
