"""BPMN errors: thrown by a business refusal or an error end event, caught by boundary events, else undone."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.interrupting import interrupt
from saga_coordinator.engine.process import Element, StepClass, Trigger
from saga_coordinator.engine.recovery import stop
from saga_coordinator.engine.state import ROOT, Step
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def throw_error(turn: Turn, step_id: int, code: str, message: str = "", resume: str = "again") -> None:
    """Propagate the error outwards from the step. Uncaught, everything is undone, unless that is impossible (after a
    pivot, in a retriable step, in an undo): then the step becomes an incident that resumes at `resume`."""
    catcher = _catcher(turn, turn.state.steps[step_id], code)
    if catcher is not None:
        host, boundary = catcher
        turn.emit(f.ErrorThrown(step=step_id, code=code, message=message, caught_by=boundary.id))
        fire_boundary(turn, host, boundary, {"code": code, "message": message})
        return
    turn.emit(f.ErrorThrown(step=step_id, code=code, message=message))
    if _must_go_forward(turn, turn.state.steps[step_id]):
        raise_incident(turn, step_id, code, message, resume)
        return
    stop(turn, "compensated", undo=True, reason=f"{code}: {message}" if message else code)


def fire_boundary(turn: Turn, host_id: int, boundary: Element, payload: object) -> None:
    """A boundary event happens: its host ends (if interrupting), a token leaves the event."""
    host = turn.state.steps[host_id]
    scope = host.scope
    if boundary.interrupting:
        interrupt(turn, host_id, boundary.id)
    step_id = turn.new_id()
    turn.emit(f.Entered(step=step_id, element=boundary.id, scope=scope))
    outputs = boundary.task.outputs if boundary.task else ()
    is_error = boundary.event is not None and boundary.event.trigger is Trigger.ERROR
    try:
        if outputs or not is_error:
            turn.merge(scope, turn.outputs(outputs, payload, scope))
        else:
            turn.merge(scope, {"error": payload})
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "outputs", payload)
        return
    turn.leave(step_id, list(boundary.outgoing))


def _catcher(turn: Turn, step: Step, code: str) -> tuple[int, Element] | None:
    """The nearest boundary event that takes the error, with its host: same code before any code."""
    host: Step | None = step
    while host is not None:
        catching = [
            event
            for event in (turn.process.elements[b] for b in turn.element(host).boundary)
            if event.event is not None and event.event.trigger is Trigger.ERROR and event.event.code in (code, None)
        ]
        if catching and host.undoes is None:
            return host.id, next((e for e in catching if e.event and e.event.code == code), catching[0])
        scope = turn.state.scopes[host.scope]
        host = turn.state.steps.get(scope.step) if scope.id != ROOT else None
    return None


def _must_go_forward(turn: Turn, step: Step) -> bool:
    element = turn.element(step)
    retriable = element.task is not None and element.task.step_class is StepClass.RETRIABLE
    return retriable or turn.state.pivoted or turn.state.stopping is not None or turn.is_undoing(step)
