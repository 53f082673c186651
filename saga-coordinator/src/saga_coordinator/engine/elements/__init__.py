"""One module per kind of flow node, each with the hook `enter(turn, step)`."""

from collections.abc import Callable

from saga_coordinator.engine.elements import (
    business_rule_task,
    call_activity,
    catch_event,
    end_event,
    event_gateway,
    exclusive_gateway,
    inclusive_gateway,
    multi_instance,
    parallel_gateway,
    plain_task,
    script_task,
    service_task,
    start_event,
    sub_process,
    throw_event,
    user_task,
)
from saga_coordinator.engine.incidents import RUNAWAY, raise_incident
from saga_coordinator.engine.process import Kind
from saga_coordinator.engine.turn import MOST_MOVES, Turn

ENTER: dict[Kind, Callable[[Turn, int], None]] = {
    Kind.START_EVENT: start_event.enter,
    Kind.END_EVENT: end_event.enter,
    Kind.CATCH_EVENT: catch_event.enter,
    Kind.THROW_EVENT: throw_event.enter,
    Kind.RECEIVE_TASK: catch_event.enter,
    Kind.TASK: plain_task.enter,
    Kind.MANUAL_TASK: plain_task.enter,
    Kind.SCRIPT_TASK: script_task.enter,
    Kind.SERVICE_TASK: service_task.enter,
    Kind.SEND_TASK: service_task.enter,
    Kind.BUSINESS_RULE_TASK: business_rule_task.enter,
    Kind.USER_TASK: user_task.enter,
    Kind.SUB_PROCESS: sub_process.enter,
    Kind.TRANSACTION: sub_process.enter,
    Kind.CALL_ACTIVITY: call_activity.enter,
    Kind.EXCLUSIVE_GATEWAY: exclusive_gateway.enter,
    Kind.INCLUSIVE_GATEWAY: inclusive_gateway.enter,
    Kind.PARALLEL_GATEWAY: parallel_gateway.enter,
    Kind.EVENT_GATEWAY: event_gateway.enter,
}


def enter(turn: Turn, step_id: int) -> None:
    """Do what the flow node of the step does when a token arrives. A loop that never waits is stopped."""
    if turn.moves > MOST_MOVES:
        raise_incident(turn, step_id, RUNAWAY, f"more than {MOST_MOVES} moves without waiting", "enter")
        return
    step = turn.state.steps[step_id]
    element = turn.element(step)
    if element.loop is not None and step.item is None:
        multi_instance.enter(turn, step_id)
    else:
        ENTER[element.kind](turn, step_id)
