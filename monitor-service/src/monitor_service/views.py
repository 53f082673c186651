"""What the API shows (`openapi/monitor-service.yaml`), from what the index holds."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from monitor_service.diagrams import Element, Elements
from monitor_service.search import Found, OpenIncident
from monitor_service.steps import Attempt, Event, Probe, Step, Undo
from monitor_service.timeline import Timeline

_NAMELESS = Element()


def time_of(ms: int | None) -> str | None:
    """RFC 3339, UTC, with milliseconds."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instance_view(found: Found) -> dict[str, Any]:
    """`InstanceSummary`."""
    return {
        "id": found.id,
        "process": found.process,
        "version": found.version,
        "business_key": found.business_key,
        "status": found.status,
        "started_at": time_of(found.started_at),
        "ended_at": time_of(found.ended_at),
        "documents": [{"name": name, "number": number, "system": system} for system, name, number in found.documents],
        "incidents": found.incidents,
        "error": found.error,
        "parent": found.parent,
        "root": found.root or found.id,
    }


def timeline_view(found: Found, timeline: Timeline, elements: Elements) -> dict[str, Any]:
    """`Timeline`."""
    return {
        "instance": instance_view(found),
        "steps": [_step(step, elements.get(step.element, _NAMELESS)) for step in timeline.steps],
        "events": [_event(event) for event in timeline.events],
    }


def incident_view(incident: OpenIncident) -> dict[str, Any]:
    """`Incident`."""
    shown = msgspec.structs.asdict(incident)
    del shown["seq"]
    return shown | {
        "system": incident.system or None,
        "operation": incident.operation or None,
        "raised_at": time_of(incident.raised_at),
        "resolved_at": time_of(incident.resolved_at),
    }


def _step(step: Step, element: Element) -> dict[str, Any]:
    return {
        "step": step.step,
        "element": step.element,
        "name": element.name,
        "kind": element.kind,
        "system": step.system,
        "operation": step.operation,
        "status": step.status,
        "started_at": time_of(step.started_at),
        "ended_at": time_of(step.ended_at),
        "duration_ms": _duration(step.started_at, step.ended_at),
        "attempts": [_attempt(attempt) for attempt in step.attempts],
        "probes": [_probe(probe) for probe in step.probes],
        "undo": _undo(step.undo) if step.undo else None,
        "item": step.item,
        "items": msgspec.structs.asdict(step.items) if step.items else None,
        "child": step.child,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return msgspec.structs.asdict(attempt) | {
        "sent_at": time_of(attempt.sent_at),
        "answered_at": time_of(attempt.answered_at),
        "retry_at": time_of(attempt.retry_at),
    }


def _probe(probe: Probe) -> dict[str, Any]:
    return msgspec.structs.asdict(probe) | {
        "sent_at": time_of(probe.sent_at),
        "answered_at": time_of(probe.answered_at),
    }


def _undo(undo: Undo) -> dict[str, Any]:
    return {
        "status": undo.status,
        "step": undo.step,
        "operation": undo.operation,
        "started_at": time_of(undo.started_at),
        "ended_at": time_of(undo.ended_at),
        "duration_ms": _duration(undo.started_at, undo.ended_at),
        "attempts": [_attempt(attempt) for attempt in undo.attempts],
        "probes": [_probe(probe) for probe in undo.probes],
    }


def _event(event: Event) -> dict[str, Any]:
    return {"at": time_of(event.at), **{k: v for k, v in msgspec.to_builtins(event).items() if k != "at"}}


def _duration(start: int, end: int | None) -> int | None:
    return None if end is None else max(0, end - start)
