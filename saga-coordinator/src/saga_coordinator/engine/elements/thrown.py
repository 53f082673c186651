"""What intermediate throw events and end events throw."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import task_of
from saga_coordinator.engine.compensating import compensate
from saga_coordinator.engine.elements import service_task
from saga_coordinator.engine.happening import happen
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.process import EventDefinition, Trigger
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.throwing import throw_escalation
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import correlation_key


def throw(turn: Turn, step_id: int) -> bool:
    """Throw what the event of the step says; whether the step can go on (it may also have been ended by it)."""
    element = turn.element(turn.state.steps[step_id])
    event = element.event or EventDefinition(Trigger.NONE)
    if event.trigger is Trigger.MESSAGE and task_of(element).operation is not None:
        service_task.enter(turn, step_id)
        return False
    thrower = _THROW.get(event.trigger)
    if thrower is None:
        return True
    try:
        return thrower(turn, step_id, event)
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return False


def _payload(turn: Turn, step: Step) -> Any:
    """What the event's inputs make of the variables."""
    inputs = task_of(turn.element(step)).inputs
    return turn.mapped(inputs, turn.state.variables(step.scope)) if inputs else {}


def _message(turn: Turn, step_id: int, event: EventDefinition) -> bool:
    step = turn.state.steps[step_id]
    key, payload = correlation_key(turn, turn.element(step), step.scope), _payload(turn, step)
    turn.emit(f.MessageThrown(step=step_id, name=event.name, key=key, payload=payload))
    return True


def _signal(turn: Turn, step_id: int, event: EventDefinition) -> bool:
    """Everybody in this instance who waits for it gets it now, the others by the runtime."""
    payload = _payload(turn, turn.state.steps[step_id])
    turn.emit(f.SignalThrown(step=step_id, name=event.name, payload=payload))
    for subscription in list(turn.state.subscriptions.values()):
        if subscription.signal and subscription.name == event.name and subscription.id in turn.state.subscriptions:
            happen(turn, subscription, payload)
    return True


def _escalation(turn: Turn, step_id: int, event: EventDefinition) -> bool:
    throw_escalation(turn, step_id, event.code or "", _payload(turn, turn.state.steps[step_id]))
    return True


def _compensate(turn: Turn, step_id: int, event: EventDefinition) -> bool:
    return not compensate(turn, step_id, event)


_THROW: dict[Trigger, Callable[[Turn, int, EventDefinition], bool]] = {
    Trigger.MESSAGE: _message,
    Trigger.SIGNAL: _signal,
    Trigger.ESCALATION: _escalation,
    Trigger.COMPENSATE: _compensate,
}
