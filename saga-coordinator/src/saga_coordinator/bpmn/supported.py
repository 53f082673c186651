"""The one table of what the engine runs. An element that is legal BPMN and not in here is refused by name."""

from saga_coordinator.engine.process import Kind, Trigger

_ = Trigger
_ACTIVITY: frozenset[Trigger] = frozenset({Trigger.NONE})

SUPPORTED: dict[Kind, frozenset[Trigger]] = {
    Kind.START_EVENT: frozenset({_.NONE, _.MESSAGE, _.TIMER}),
    Kind.END_EVENT: frozenset({_.NONE, _.ERROR, _.TERMINATE}),
    Kind.CATCH_EVENT: frozenset({_.MESSAGE, _.TIMER}),
    Kind.BOUNDARY_EVENT: frozenset({_.ERROR, _.TIMER, _.MESSAGE, _.COMPENSATE}),
    Kind.TASK: _ACTIVITY,
    Kind.MANUAL_TASK: _ACTIVITY,
    Kind.SERVICE_TASK: _ACTIVITY,
    Kind.SEND_TASK: _ACTIVITY,
    Kind.SCRIPT_TASK: _ACTIVITY,
    Kind.USER_TASK: _ACTIVITY,
    Kind.RECEIVE_TASK: _ACTIVITY,
    Kind.BUSINESS_RULE_TASK: _ACTIVITY,
    Kind.SUB_PROCESS: _ACTIVITY,
    Kind.EXCLUSIVE_GATEWAY: _ACTIVITY,
    Kind.PARALLEL_GATEWAY: _ACTIVITY,
    Kind.EVENT_GATEWAY: _ACTIVITY,
}

# Forms of a supported element that change how it runs.
EVENT_SUB_PROCESSES = False
LOOPS = False
PARALLEL_UNDO = False
INSTANTIATING_GATEWAYS_AND_TASKS = False
