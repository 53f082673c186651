"""What a caller and its child tell each other (see `children`)."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.activities import complete, completion, planned_undo
from saga_coordinator.engine.children import has_effects, tell_end
from saga_coordinator.engine.incidents import CHILD_ENDED, CHILD_REFUSED, raise_incident
from saga_coordinator.engine.recovery import stop, undone
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.engine.throwing import throw_error, throw_escalation
from saga_coordinator.engine.turn import Turn
from saga_coordinator.engine.waiting import disarm


def _child_reported(turn: Turn, report: i.ChildReported) -> bool:
    step = _waiting(turn, report)
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
        complete(turn, step.id, report.output, child=report.child if report.effects else None)
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
    if report.effects:
        element = turn.element(step)
        undo = planned_undo(turn, step, None, {}) if element.task is not None and not element.handler else None
        turn.emit(completion(turn, step, None, {}, undo, late=True, child=report.child))


def _parent_asked(turn: Turn, ask: i.ParentAsked) -> bool:
    state = turn.state
    if ask.what == "undo":
        _undo_all(turn)
    elif state.ended:
        tell_end(turn)
    elif state.stopping is None:
        stop(turn, "cancelled", undo=False, reason="the caller has ended it")
    return True


def _undo_all(turn: Turn) -> None:
    """Everything that this instance did is undone, also after it has ended. Asked again it says again how it ended."""
    state = turn.state
    if state.ended and not has_effects(state):
        turn.emit(f.StatusChanged(status="compensated"))
        tell_end(turn)
    elif state.stopping is None or state.ended or not state.stopping.undo:
        if state.ended:
            turn.emit(f.StatusChanged(status="compensating"))
        stop(turn, "compensated", undo=True, reason="the caller is undone")


HANDLE: dict[type, Callable[[Turn, Any], bool]] = {
    i.ChildReported: _child_reported,
    i.ParentAsked: _parent_asked,
}
