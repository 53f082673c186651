"""Arming and disarming: timers, messages, signals and conditions that fire an event element.

Used by boundary events (armed while their host is open), catch events, receive tasks, event-based gateways, and event
sub-processes (armed while the scope around them is open).
"""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import recurrence
from saga_coordinator.engine.commands import clear, wake
from saga_coordinator.engine.process import Element, TimerDefinition, Trigger
from saga_coordinator.engine.turn import ExpressionFailed, Turn

LONGEST_NAME = 500


def arm(turn: Turn, step_id: int, event_element: Element, purpose: str) -> None:
    """Wait for the event of `event_element` on behalf of the step. Raises `ExpressionFailed`."""
    event = event_element.event
    if event is None:
        return
    step = turn.state.steps[step_id]
    if event.trigger is Trigger.TIMER and event.timer is not None:
        due, repeat = due_time(turn, event.timer, step.scope)
        wake(turn, step, purpose, due, event_element.id, repeat)
    elif event.trigger is Trigger.MESSAGE:
        turn.emit(
            f.Subscribed(
                subscription=turn.new_id(),
                step=step_id,
                name=event.name,
                key=correlation_key(turn, event_element, step.scope),
                element=event_element.id,
            )
        )
    elif event.trigger is Trigger.SIGNAL:
        subscribed = f.Subscribed(
            subscription=turn.new_id(), step=step_id, name=event.name, key="", element=event_element.id, signal=True
        )
        turn.emit(subscribed)
    elif event.trigger is Trigger.CONDITIONAL:
        turn.emit(f.ConditionWatched(condition=turn.new_id(), step=step_id, element=event_element.id))


def arm_boundary(turn: Turn, step_id: int) -> None:
    """Arm the boundary events of the step's activity. Raises `ExpressionFailed`."""
    step = turn.state.steps[step_id]
    for boundary in turn.boundary(step):
        arm(turn, step_id, turn.process.elements[boundary], "boundary")


def disarm(turn: Turn, step_id: int) -> None:
    """The step waits for nothing any more."""
    step = turn.state.steps[step_id]
    if step.timers:
        clear(turn, step)
    for subscription in step.subscriptions:
        turn.emit(f.Unsubscribed(subscription=subscription))
    for condition in step.conditions:
        turn.emit(f.ConditionDropped(condition=condition))


def correlation_key(turn: Turn, element: Element, scope: int) -> str:
    """The key of an awaited message: its correlation expression, else the business key. Raises `ExpressionFailed`."""
    event = element.event
    if event is None or event.correlation is None:
        return turn.state.business_key or ""
    value = turn.evaluate(event.correlation, turn.state.variables(scope))
    if value is None or isinstance(value, dict | list):
        raise ExpressionFailed(f"{event.correlation.source}: a correlation key is a text or a number")
    if not is_name(str(value)):
        raise ExpressionFailed(f"{event.correlation.source}: a key has at most {LONGEST_NAME} characters, none NUL")
    return str(value)


def is_name(text: str) -> bool:
    """Whether the store can look it up: keys and names of locks."""
    return len(text) <= LONGEST_NAME and "\0" not in text


def due_time(turn: Turn, timer: TimerDefinition, scope: int) -> tuple[int, str | None]:
    """When the timer fires first, and how it repeats after that (`R2/PT1H`). Raises `ExpressionFailed`."""
    text = timer.text
    if timer.expression is not None:
        text = str(turn.evaluate(timer.expression, turn.state.variables(scope)))
    try:
        return recurrence.first(timer, text, turn.now)
    except (OverflowError, ValueError) as error:
        raise ExpressionFailed(f"{text}: {error}") from error
