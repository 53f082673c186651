"""Errors and escalations leave a step and travel outwards until a boundary event or an event sub-process takes them.

An error that nobody takes has everything undone, unless that is impossible; an escalation that nobody takes is over.
"""

from collections.abc import Iterator
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.children import tell_parent
from saga_coordinator.engine.happening import fire_boundary, fire_event_sub_process
from saga_coordinator.engine.incidents import raise_incident
from saga_coordinator.engine.process import Element, StepClass, Trigger
from saga_coordinator.engine.recovery import stop
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.turn import Turn


def throw_error(turn: Turn, step_id: int, code: str, message: str = "", resume: str = "again") -> None:
    """Propagate the error outwards from the step. Uncaught, everything is undone (in a child: its caller gets the
    error), unless that is impossible (after a pivot, in a retriable step, in an undo): then the step becomes an
    incident that resumes at `resume`."""
    catcher = _catcher(turn, turn.state.steps[step_id], Trigger.ERROR, code)
    if catcher is not None:
        turn.emit(f.ErrorThrown(step=step_id, code=code, message=message, caught_by=catcher[1].id))
        _fire(turn, *catcher, {"code": code, "message": message})
        return
    turn.emit(f.ErrorThrown(step=step_id, code=code, message=message))
    if _must_go_forward(turn, turn.state.steps[step_id]):
        raise_incident(turn, step_id, code, message, resume)
        return
    reason = f"{code}: {message}" if message else code
    if turn.state.parent is not None:
        stop(turn, "cancelled", undo=False, reason=reason, code=code)
    else:
        stop(turn, "compensated", undo=True, reason=reason)


def is_caught(turn: Turn, step: Step, code: str) -> bool:
    """Whether somebody takes an error with this very code."""
    catcher = _catcher(turn, step, Trigger.ERROR, code)
    return catcher is not None and catcher[1].event is not None and catcher[1].event.code == code


def throw_escalation(turn: Turn, step_id: int, code: str, payload: Any = None) -> None:
    """Propagate the escalation outwards from the step, which may end because of it. Nobody has to take it."""
    catcher = _catcher(turn, turn.state.steps[step_id], Trigger.ESCALATION, code)
    caught_by = catcher[1].id if catcher is not None else None
    turn.emit(f.EscalationThrown(step=step_id, code=code, payload=payload, caught_by=caught_by))
    if catcher is not None:
        _fire(turn, *catcher, payload)
    elif turn.state.parent is not None:
        tell_parent(turn, "escalated", code=code, output=payload)


def _fire(turn: Turn, taker: Step, event: Element, payload: Any) -> None:
    if taker.listens:
        fire_event_sub_process(turn, taker.id, payload)
    else:
        fire_boundary(turn, taker.id, event, payload)


def _catcher(turn: Turn, thrower: Step, trigger: Trigger, code: str) -> tuple[Step, Element] | None:
    """Who takes it: at the nearest level that has anybody, the one for this very code before one for any."""
    for takers in _levels(turn, thrower, trigger):
        taking = [(step, event) for step, event in takers if event.event and event.event.code in (code, None)]
        if taking:
            return next(((step, event) for step, event in taking if event.event and event.event.code), taking[0])
    return None


def _levels(turn: Turn, thrower: Step, trigger: Trigger) -> Iterator[list[tuple[Step, Element]]]:
    """Who could take it, from the inside outwards: the activity's boundary events, then the event sub-processes
    beside it. One that the thrower stands in does not take what comes out of it."""
    for step in turn.around(thrower):
        elements = turn.process.elements
        boundary = [(step, elements[id_]) for id_ in turn.boundary(step)]
        yield [(step, event) for step, event in boundary if _has(event, trigger)]
        listeners = [turn.state.steps[id_] for id_ in turn.state.scopes[step.scope].listeners]
        beside = [(listener, turn.element(listener)) for listener in listeners]
        yield [(listener, event) for listener, event in beside if _has(event, trigger) and event.parent != step.element]


def _has(event: Element, trigger: Trigger) -> bool:
    return event.event is not None and event.event.trigger is trigger


def _must_go_forward(turn: Turn, step: Step) -> bool:
    element = turn.element(step)
    retriable = element.task is not None and element.task.step_class is StepClass.RETRIABLE
    return retriable or turn.state.pivoted or turn.state.stopping is not None or turn.is_undoing(step)
