"""Events that happen: where a token waits for them, on the border of an activity, behind an event-based gateway, or at
the start of an event sub-process."""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import complete, map_output
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.interrupting import interrupt, interrupt_scope
from saga_coordinator.engine.listening import open_listeners
from saga_coordinator.engine.process import Body, Element, Kind, Trigger
from saga_coordinator.engine.state import Condition, Step, Subscription
from saga_coordinator.engine.transactions import cancel
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import disarm

Waited = Subscription | Condition


def fire_boundary(turn: Turn, host_id: int, boundary: Element, payload: Any) -> None:
    """A boundary event happens: its host ends (if interrupting), a token leaves the event."""
    scope = turn.state.steps[host_id].scope
    if boundary.interrupting:
        interrupt(turn, host_id, boundary.id)
    step_id = turn.new_id()
    turn.emit(f.Entered(step=step_id, element=boundary.id, scope=scope))
    try:
        turn.merge(scope, _told(turn, boundary, payload, scope))
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "outputs", payload)
        return
    turn.leave(step_id, list(boundary.outgoing))


def fire_event_sub_process(turn: Turn, listener_id: int, payload: Any) -> None:
    """The event of an event sub-process happens: it begins, after everything else in the scope around it has ended
    (if interrupting; BPMN 2.0, 13.5.4)."""
    listener = turn.state.steps[listener_id]
    start = turn.element(listener)
    if start.interrupting:
        interrupt_scope(turn, listener.scope, start.id)
    inside = turn.process.elements[start.parent]
    step_id = turn.new_id()
    turn.emit(f.Entered(step=step_id, element=inside.id, scope=listener.scope))
    scope = turn.new_id()
    turn.emit(f.ScopeOpened(scope=scope, parent=listener.scope, step=step_id, element=inside.id))
    open_listeners(turn, scope, inside.body or Body())
    began = turn.new_id()
    turn.emit(f.Entered(step=began, element=start.id, scope=scope))
    try:
        turn.merge(scope, _told(turn, start, payload, scope))
    except ExpressionFailed as error:
        raise_incident(turn, began, EXPRESSION_FAILED, str(error), "outputs", payload)
        return
    turn.leave(began, list(start.outgoing))


def happen(turn: Turn, waited_for: Waited, payload: Any) -> None:
    """What somebody waited for has come: the event element fires. An interrupting one waits for nothing more."""
    element = turn.process.elements[waited_for.element]
    if isinstance(waited_for, Subscription) and not goes_on(element):
        turn.emit(f.Unsubscribed(subscription=waited_for.id, fired=True))
    fire(turn, turn.state.steps[waited_for.step], element, payload)


def goes_on(event: Element) -> bool:
    """Whether the event can happen again while the same step waits for it."""
    return event.kind in (Kind.BOUNDARY_EVENT, Kind.START_EVENT) and not event.interrupting


def fire(turn: Turn, step: Step, event: Element, payload: Any) -> None:
    """The event element, for which the step waits, happens."""
    if step.listens:
        fire_event_sub_process(turn, step.id, payload)
    elif event.event is not None and event.event.trigger is Trigger.CANCEL:
        cancel(turn, step, event.id)
    elif event.kind is Kind.BOUNDARY_EVENT:
        fire_boundary(turn, step.id, event, payload)
    elif step.element == event.id:
        pass_event(turn, step.id, payload)
    else:
        _pass_gateway(turn, step, event, payload)


def pass_event(turn: Turn, step_id: int, payload: Any) -> None:
    """The step waited for this: the payload is the output."""
    step = turn.state.steps[step_id]
    if turn.element(step).kind is Kind.RECEIVE_TASK:
        complete(turn, step_id, payload)
    else:
        map_output(turn, step_id, payload)


def _pass_gateway(turn: Turn, step: Step, event: Element, payload: Any) -> None:
    """The first of the events behind an event-based gateway decides the way: the token goes there, and passes."""
    flow = next(o for o in turn.element(step).outgoing if turn.process.flows[o].target == event.id)
    disarm(turn, step.id)
    turn.emit(f.Left(step=step.id, flows=[flow]))
    passed = turn.new_id()
    turn.emit(f.Entered(step=passed, element=event.id, scope=step.scope, via=flow))
    pass_event(turn, passed, payload)


def _told(turn: Turn, event: Element, payload: Any, scope: int) -> dict[str, Any]:
    """The variables that the event's payload gives. An error is one variable, unless it is mapped."""
    outputs = event.task.outputs if event.task else ()
    if not outputs and event.event is not None and event.event.trigger is Trigger.ERROR:
        return {"error": payload}
    return turn.outputs(outputs, payload, scope)
