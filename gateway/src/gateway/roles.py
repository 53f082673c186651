"""Who may do what: the one place.

Roles by operationId of `openapi/gateway.yaml`; a test holds the two together. `admin` may do everything.
"""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a key is for."""

    VIEWER = "viewer"
    DESIGNER = "designer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


EVERY = frozenset(Role)
PUBLIC: frozenset[Role] = frozenset()
"""Nobody has to say who they are."""


def _only(*roles: Role) -> frozenset[Role]:
    return frozenset({*roles, Role.ADMIN})


ALLOWED: Mapping[str, frozenset[Role]] = {
    "list_processes": EVERY,
    "list_versions": EVERY,
    "read_process_xml": EVERY,
    "deploy_process": _only(Role.DESIGNER),
    "list_decisions": EVERY,
    "list_decision_versions": EVERY,
    "read_decision_xml": EVERY,
    "deploy_decisions": _only(Role.DESIGNER),
    "start_instance": _only(Role.OPERATOR),
    "search_instances": EVERY,
    "read_instance": EVERY,
    "read_timeline": EVERY,
    "list_incidents": EVERY,
    "read_undo_plan": EVERY,
    "cancel_instance": _only(Role.OPERATOR),
    "erase_instance": _only(),
    "retry_instance": _only(Role.OPERATOR),
    "retry_step": _only(Role.OPERATOR),
    "complete_step": _only(Role.OPERATOR, Role.APPROVER),
    "set_variables": _only(Role.OPERATOR),
    "throw_from_step": _only(Role.OPERATOR, Role.APPROVER),
    "fire_event": _only(Role.OPERATOR),
    "skip_step": _only(Role.OPERATOR),
    "move_step": _only(Role.OPERATOR),
    "undo_by_hand": _only(Role.OPERATOR),
    "suspend_instance": _only(Role.OPERATOR),
    "resume_instance": _only(Role.OPERATOR),
    "migrate_instance": _only(Role.OPERATOR),
    "migrate_instances": _only(Role.OPERATOR),
    "list_suspensions": EVERY,
    "suspend_process": _only(Role.OPERATOR),
    "resume_process": _only(Role.OPERATOR),
    "suspend_system": _only(Role.OPERATOR),
    "resume_system": _only(Role.OPERATOR),
    "publish_events": _only(Role.OPERATOR),
    "send_message": _only(Role.OPERATOR),
    "send_signal": _only(Role.OPERATOR),
    "call_operation": _only(Role.OPERATOR),
    "tell_result": _only(Role.OPERATOR),
    "list_keys": _only(),
    "create_key": _only(),
    "revoke_key": _only(),
    "list_audit": _only(),
    "health": PUBLIC,
    "ready": PUBLIC,
    "version": PUBLIC,
    "metrics": PUBLIC,
}

AUDITED = frozenset(
    {
        "deploy_process",
        "deploy_decisions",
        "cancel_instance",
        "erase_instance",
        "retry_instance",
        "retry_step",
        "complete_step",
        "set_variables",
        "throw_from_step",
        "fire_event",
        "skip_step",
        "move_step",
        "undo_by_hand",
        "suspend_instance",
        "resume_instance",
        "migrate_instance",
        "migrate_instances",
        "suspend_process",
        "resume_process",
        "suspend_system",
        "resume_system",
        "call_operation",
        "tell_result",
        "create_key",
        "revoke_key",
    }
)
"""Acts that leave a line in the audit trail. Starts, events and messages are the journal's."""


def may(roles: frozenset[str], operation: str) -> bool:
    """Whether somebody with these roles may call `operation`. An operation that the table lacks is nobody's."""
    return not roles.isdisjoint(ALLOWED.get(operation, PUBLIC))
