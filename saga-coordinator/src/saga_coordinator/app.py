"""The coordinator's HTTP app."""

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from saga_coordinator.api import Events, Followers, Instances
from saga_coordinator.api_deploying import Decisions, Processes
from saga_coordinator.api_operating import Acts, Migrations, Suspending
from saga_coordinator.coordinator import Coordinator
from saga_coordinator.errors import (
    AlreadySuspended,
    DecisionNotFound,
    InstanceNotFound,
    NotSuspended,
    ProcessNotFound,
)
from saga_coordinator.lookout import Lookout
from saga_coordinator.sending import Sender
from service_kit.http import InternalGuard, contract
from service_kit.http import create_app as create_kit_app
from service_kit.http.operational import Check

BODY_LIMIT = 8 * 1024 * 1024
PROBLEMS: dict[type[Exception], int] = {
    InstanceNotFound: 404,
    ProcessNotFound: 404,
    DecisionNotFound: 404,
    AlreadySuspended: 409,
    NotSuspended: 409,
}
CHECKS = ("store", "broker", "prepared", "running")


def create_app(
    coordinator: Coordinator,
    internal_token: str,
    *,
    registry: CollectorRegistry | None = None,
    validate_responses: bool = False,
) -> ASGIApp:
    """The internal API over a coordinator that runs in this process. `registry` is what `/metrics` tells besides
    requests; `validate_responses` is for tests."""
    service = coordinator.service
    sender = Sender(coordinator.broker.publish)
    lookout = Lookout(service.outcomes, service.instances)
    processes = Processes(service)
    decisions = Decisions(coordinator.decisions)
    operating, lanes = coordinator.operating, coordinator.settings.lanes
    instances = Instances(service, operating, sender, lookout, lanes)
    acts, suspending = Acts(instances), Suspending(operating)
    followers = Followers(service)
    return create_kit_app(
        contract("saga-coordinator.yaml"),
        {
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
            "read_undo_plan": instances.read_undo_plan,
            "cancel_instance": instances.cancel_instance,
            "erase_instance": instances.erase_instance,
            "retry_instance": instances.retry_instance,
            "retry_step": instances.retry_step,
            "complete_step": instances.complete_step,
            "set_variables": instances.set_variables,
            "throw_from_step": instances.throw_from_step,
            "fire_event": instances.fire_event,
            "skip_step": acts.skip_step,
            "move_step": acts.move_step,
            "undo_by_hand": acts.undo_by_hand,
            "suspend_instance": acts.suspend_instance,
            "resume_instance": acts.resume_instance,
            "migrate_instance": acts.migrate_instance,
            "migrate_instances": Migrations(operating, sender, lookout, lanes).migrate_instances,
            "list_suspensions": suspending.list_suspensions,
            "suspend_process": suspending.suspend_process,
            "resume_process": suspending.resume_process,
            "suspend_system": suspending.suspend_system,
            "resume_system": suspending.resume_system,
            "read_journal": followers.read_journal,
            "list_digests": followers.list_digests,
            "list_forgotten": followers.list_forgotten,
            "publish_events": Events(sender).publish_events,
        },
        service="saga-coordinator",
        guard=InternalGuard(internal_token),
        problems=PROBLEMS,
        checks={name: _check(coordinator, name) for name in CHECKS},
        registry=registry,
        body_limit=BODY_LIMIT,
        validate_responses=validate_responses,
    )


def _check(coordinator: Coordinator, name: str) -> Check:
    return lambda: coordinator.readiness()[name]
