"""The handlers of `openapi/gateway.yaml`, by operationId."""

from collections.abc import Mapping

from gateway.administration import Administration
from gateway.audit import Handler, audited
from gateway.decisions import Decisions
from gateway.errors import KeyNameTaken, KeyNotFound
from gateway.events import Events
from gateway.instances import Instances
from gateway.operating import Operating
from gateway.operations import Operations
from gateway.processes import Processes
from gateway.roles import AUDITED
from gateway.store import Store

PROBLEMS: Mapping[type[Exception], int] = {KeyNotFound: 404, KeyNameTaken: 409}


def handlers(
    processes: Processes,
    decisions: Decisions,
    instances: Instances,
    operating: Operating,
    events: Events,
    operations: Operations,
    administration: Administration,
    store: Store,
) -> dict[str, Handler]:
    """One function for each operation; those that the roles table names are audited."""
    plain: dict[str, Handler] = {
        "list_processes": processes.list_processes,
        "list_versions": processes.list_versions,
        "read_process_xml": processes.read_process_xml,
        "deploy_process": processes.deploy_process,
        "list_decisions": decisions.list_decisions,
        "list_decision_versions": decisions.list_decision_versions,
        "read_decision_xml": decisions.read_decision_xml,
        "deploy_decisions": decisions.deploy_decisions,
        "start_instance": instances.start_instance,
        "read_instance": instances.read_instance,
        "search_instances": instances.search_instances,
        "read_timeline": instances.read_timeline,
        "list_incidents": instances.list_incidents,
        "read_undo_plan": instances.read_undo_plan,
        "cancel_instance": instances.cancel_instance,
        "erase_instance": instances.erase_instance,
        "retry_instance": instances.retry_instance,
        "retry_step": instances.retry_step,
        "complete_step": instances.complete_step,
        "set_variables": instances.set_variables,
        "throw_from_step": instances.throw_from_step,
        "fire_event": instances.fire_event,
        "skip_step": operating.skip_step,
        "move_step": operating.move_step,
        "undo_by_hand": operating.undo_by_hand,
        "suspend_instance": operating.suspend_instance,
        "resume_instance": operating.resume_instance,
        "migrate_instance": operating.migrate_instance,
        "migrate_instances": operating.migrate_instances,
        "list_suspensions": operating.list_suspensions,
        "suspend_process": operating.suspend_process,
        "resume_process": operating.resume_process,
        "suspend_system": operating.suspend_system,
        "resume_system": operating.resume_system,
        "publish_events": events.publish_events,
        "send_message": events.send_message,
        "send_signal": events.send_signal,
        "call_operation": operations.call_operation,
        "tell_result": operations.tell_result,
        "list_keys": administration.list_keys,
        "create_key": administration.create_key,
        "revoke_key": administration.revoke_key,
        "list_audit": administration.list_audit,
    }
    return {
        name: audited(name, handler, store, PROBLEMS) if name in AUDITED else handler for name, handler in plain.items()
    }
