"""What the API shows (`openapi/saga-coordinator.yaml`): plain values out of states and rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from saga_coordinator.bpmn import Finding
from saga_coordinator.engine import InstanceState, open_commands, stands_against
from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import Process
from saga_coordinator.engine.state import ROOT, Step
from saga_coordinator.operating import Candidate, Reach
from saga_coordinator.sealing import masked, masked_value
from saga_coordinator.service import PlannedUndo
from saga_coordinator.store.decisions import DecisionVersion
from saga_coordinator.store.instances import Instance
from saga_coordinator.store.journal import Row
from saga_coordinator.store.processes import Deployment


def time_of(ms: int) -> str:
    """RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def process_view(row: Deployment) -> dict[str, Any]:
    """A deployed version."""
    return {
        "process": row.id,
        "version": row.version,
        "name": row.name or row.id,
        "deployed_at": time_of(row.deployed_at),
        "deployed_by": row.deployed_by,
        "decisions": row.decisions,
    }


def decision_view(row: DecisionVersion) -> dict[str, Any]:
    """A deployed version."""
    return {
        "decision": row.id,
        "version": row.version,
        "name": row.name or row.id,
        "deployed_at": time_of(row.deployed_at),
        "deployed_by": row.deployed_by,
    }


def finding_view(finding: Finding) -> dict[str, Any]:
    """Why a file was refused."""
    return {
        "rule": finding.rule,
        "severity": "error",
        "element": finding.element or None,
        "line": finding.line or None,
        "message": finding.message,
    }


def instance_view(
    state: InstanceState, row: Instance, process: Process, children: Sequence[Instance] = ()
) -> dict[str, Any]:
    """An instance as the journal tells it. `row` says when it began and ended; it has called `children`."""
    root = state.scopes.get(ROOT)
    return {
        "id": state.id,
        "process": state.process,
        "version": state.version,
        "business_key": state.business_key,
        "status": state.status,
        "seq": state.seq,
        "started_at": time_of(row.started_at),
        "ended_at": time_of(row.ended_at) if state.ended and row.ended_at is not None else None,
        "variables": masked_value(root.variables) if root else {},
        "steps": [_step_view(step, process) for step in state.steps.values()],
        "parent": row.parent,
        "root": row.root or row.id,
        "children": [_child_view(child) for child in children],
    }


def _child_view(row: Instance) -> dict[str, Any]:
    return {"id": row.id, "process": row.process, "version": row.version, "status": row.status}


def _step_view(step: Step, process: Process) -> dict[str, Any]:
    element = process.elements.get(step.element)
    incident = step.incident
    return {
        "step": step.id,
        "element": step.element,
        "name": element.name if element else "",
        "kind": str(element.kind) if element else "",
        "phase": str(step.phase),
        "attempt": step.attempt,
        "child": step.child,
        "incident": {"code": incident.code, "message": incident.message} if incident else None,
    }


def plan_view(state: InstanceState, plan: list[PlannedUndo]) -> dict[str, Any]:
    """What would be undone, in this order."""
    return {
        "instance": state.id,
        "seq": state.seq,
        "possible": not stands_against(state),
        "reason": stands_against(state) or None,
        "steps": masked_value([_planned_view(step) for step in plan]),
        "open": [] if state.ended else [_asked_view(command, state) for command in open_commands(state)],
    }


def _asked_view(command: f.CommandIssued, state: InstanceState) -> dict[str, Any]:
    return {
        "step": command.step,
        "element": state.steps[command.step].element,
        "operation": command.operation,
        "system": command.system,
    }


def _planned_view(planned: PlannedUndo) -> dict[str, Any]:
    return {"instance": planned.instance, **msgspec.structs.asdict(planned.step)}


def suspension_view(reach: Reach) -> dict[str, Any]:
    """A suspension of a system or process, and what it holds back."""
    row = reach.suspension
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "by": row.by,
        "reason": row.reason,
        "at": time_of(row.at),
        "resumed_at": time_of(row.ended_at) if row.ended_at is not None else None,
        "resumed_by": row.ended_by,
        "commands_held": reach.commands,
        "instances_suspended": reach.suspended,
        "instances_left": reach.left,
    }


def candidate_view(candidate: Candidate) -> dict[str, Any]:
    """An instance that was to be migrated, before anything has happened to it."""
    code = {"code": candidate.code} if candidate.code is not None else {}
    return {
        "instance": candidate.instance,
        "business_key": candidate.business_key,
        "status": candidate.status,
        "seq": candidate.seq,
        "result": "cannot" if candidate.problems else "can",
        **code,
        "problems": candidate.problems,
        "undo_plan_survives": not candidate.lost_undos,
    }


def entry_view(row: Row, state: Instance) -> dict[str, Any]:
    """A journal row as followers get it."""
    return {
        "instance": row.instance,
        "seq": row.seq,
        "at": row.at,
        "input_id": row.input_id,
        "input": msgspec.Raw(masked(row.input)),
        "facts": msgspec.Raw(masked(row.facts)),
        "process": state.process,
        "version": state.version,
        "business_key": state.business_key,
    }
