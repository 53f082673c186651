"""The one table of what the engine runs. An element that is legal BPMN and not in here is refused by name."""

from saga_coordinator.engine.process import Kind, Trigger

_ = Trigger
_ACTIVITY: frozenset[Trigger] = frozenset({Trigger.NONE})

SUPPORTED: dict[Kind, frozenset[Trigger]] = {
    Kind.START_EVENT: frozenset(
        {_.NONE, _.MESSAGE, _.TIMER, _.SIGNAL, _.ERROR, _.ESCALATION, _.CONDITIONAL, _.COMPENSATE}
    ),
    Kind.END_EVENT: frozenset(
        {_.NONE, _.MESSAGE, _.ERROR, _.TERMINATE, _.SIGNAL, _.ESCALATION, _.COMPENSATE, _.CANCEL}
    ),
    Kind.CATCH_EVENT: frozenset({_.MESSAGE, _.TIMER, _.SIGNAL, _.CONDITIONAL, _.LINK}),
    Kind.THROW_EVENT: frozenset({_.NONE, _.MESSAGE, _.SIGNAL, _.ESCALATION, _.COMPENSATE, _.LINK}),
    Kind.BOUNDARY_EVENT: frozenset(
        {_.ERROR, _.TIMER, _.MESSAGE, _.COMPENSATE, _.SIGNAL, _.ESCALATION, _.CONDITIONAL, _.CANCEL}
    ),
    Kind.TASK: _ACTIVITY,
    Kind.MANUAL_TASK: _ACTIVITY,
    Kind.SERVICE_TASK: _ACTIVITY,
    Kind.SEND_TASK: _ACTIVITY,
    Kind.SCRIPT_TASK: _ACTIVITY,
    Kind.USER_TASK: _ACTIVITY,
    Kind.RECEIVE_TASK: _ACTIVITY,
    Kind.BUSINESS_RULE_TASK: _ACTIVITY,
    Kind.SUB_PROCESS: _ACTIVITY,
    Kind.TRANSACTION: _ACTIVITY,
    Kind.CALL_ACTIVITY: _ACTIVITY,
    Kind.EXCLUSIVE_GATEWAY: _ACTIVITY,
    Kind.PARALLEL_GATEWAY: _ACTIVITY,
    Kind.INCLUSIVE_GATEWAY: _ACTIVITY,
    Kind.EVENT_GATEWAY: _ACTIVITY,
}
