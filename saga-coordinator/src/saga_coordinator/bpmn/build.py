"""Judges a diagram and builds the engine's `Process` from it."""

from saga_coordinator.bpmn import events, loops, recovery, retention, rules, secrets, tasks, timers, vocabulary
from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import ACTIVITIES, Diagram, FlowPart, Level, Part
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.reaching import upstream
from saga_coordinator.bpmn.rules.flows import condition_of, default_of
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import (
    Body,
    BusinessKey,
    Deadline,
    Element,
    EventDefinition,
    Expression,
    Flow,
    Kind,
    Loop,
    Process,
    Task,
    Trigger,
)

_POLICIES = {"reject", "return-existing", "queue"}
_SCOPES = {"open", "completed", "ever"}


def build(diagram: Diagram, context: Context) -> Process | None:
    """The process; None (and findings in the context) where anything is wrong with it."""
    for check in rules.STRUCTURE:
        check(diagram, context.findings)
    vocabulary.check(diagram, context)
    details = {part.id: tasks.read(part, context) for part in diagram.parts.values() if _has_task(part)}
    waits = {part.id: events.read(diagram, part, context) for part in diagram.parts.values()}
    repeats = {part.id: loop for part in diagram.parts.values() if (loop := loops.read(part, context)) is not None}
    flows = {flow.id: _flow(flow, context) for flow in diagram.flows}
    _check_execution(diagram, context)
    business_key = _business_key(diagram.process, context)
    kept = retention.read(diagram.process, context)
    known = {part.id for part in diagram.parts.values() if tasks.described(part, context) is not None}
    recovery.check(diagram, details, known, context.findings)
    secret, secret_fields = secrets.read(diagram, details, context)
    if context.findings.sorted():
        return None
    return Process(
        id=diagram.process.id,
        name=diagram.process.get("name") or "",
        elements={
            part.id: _element(part, details.get(part.id), waits[part.id], repeats.get(part.id))
            for part in _in_order(diagram)
        },
        flows=flows,
        body=_body(diagram.levels[0]),
        joins=tuple(p.id for p in _in_order(diagram) if p.kind is Kind.INCLUSIVE_GATEWAY and len(p.incoming) > 1),
        undoes_together=any(level.node.tl("parallelUndo") == "true" for level in diagram.levels),
        business_key=business_key,
        deadline=_deadline(diagram.process, context),
        retention=kept,
        secrets=secret,
        secret_fields=secret_fields,
    )


def _has_task(part: Part) -> bool:
    """Activities, and events that map data."""
    return part.kind in ACTIVITIES or any(
        True for name in ("input", "output", "operation") for _ in part.extension(name)
    )


def _in_order(diagram: Diagram) -> list[Part]:
    return [part for level in diagram.levels for part in level.parts]


def _element(part: Part, task: Task | None, event: EventDefinition | None, loop: Loop | None) -> Element:
    default, handler = default_of(part), tasks.drawn_handler(part)
    inside = part.inside
    return Element(
        id=part.id,
        kind=Kind(part.kind or part.node.name),
        name=part.node.get("name") or "",
        parent=part.level.node.id,
        incoming=tuple(flow.id for flow in part.incoming),
        outgoing=tuple(flow.id for flow in part.outgoing),
        default=default.id if default is not None else None,
        event=event,
        task=task,
        boundary=tuple(event.id for event in part.boundary),
        attached_to=part.host.id if part.host is not None else None,
        interrupting=part.interrupting,
        handler=handler.id if handler is not None else None,
        is_for_compensation=part.is_for_compensation,
        instantiate=part.instantiates,
        takes_all=part.node.get("eventGatewayType") == "Parallel",
        by_event=part.is_event_sub_process,
        body=_body(inside) if inside is not None else None,
        loop=loop,
        called=(part.node.get("calledElement") or "").rpartition(":")[2] or None,
        upstream=upstream(part) if part.kind is Kind.INCLUSIVE_GATEWAY else (),
        direct=upstream(part, events=False) if part.kind is Kind.INCLUSIVE_GATEWAY else (),
    )


def _body(level: Level) -> Body:
    starts = level.starts or level.implicit_starts
    return Body(
        tuple(part.id for part in level.parts),
        tuple(part.id for part in starts),
        tuple(start.id for start in level.listeners if start.trigger is not Trigger.COMPENSATE),
        handler=next((s.level.node.id for s in level.listeners if s.trigger is Trigger.COMPENSATE), None),
        parallel_undo=level.node.tl("parallelUndo") == "true",
    )


def _flow(flow: FlowPart, context: Context) -> Flow:
    return Flow(flow.id, flow.source.id, flow.target.id, _condition(flow, context))


def _condition(flow: FlowPart, context: Context) -> Expression | None:
    node = condition_of(flow)
    if node is None:
        return None
    language = node.get("language") or ""
    if language and "jsonata" not in language.lower():
        return context.foreign(node.text, language, flow.id, node.line)
    return context.expression(node.text, flow.id, node.line, foreign=True)


def _check_execution(diagram: Diagram, context: Context) -> None:
    if context.tolerant:
        return
    for part in diagram.parts.values():
        if part.kind is Kind.CALL_ACTIVITY and not part.node.get("calledElement"):
            message = "it does not say which process it calls"
            context.findings.add(Rule.MISSING_CALLED_ELEMENT, part.id, part.node.line, message)
        if part.kind not in {Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY} or len(part.outgoing) < 2:
            continue
        for flow in part.outgoing:
            if flow.condition is None and default_of(part) is not flow:
                context.findings.add(
                    Rule.MISSING_CONDITION,
                    flow.id,
                    flow.node.line,
                    f"a flow out of {part.id} has a condition or is its default",
                )


def _deadline(process: Node, context: Context) -> Deadline | None:
    node = events.process_extension(process, "deadline")
    if node is None:
        return None
    after = timers.milliseconds(node.get("after") or "", process.id, node.line, "tl:deadline after", context)
    then = node.get("then") or "incident"
    if then not in {"incident", "undo"}:
        context.findings.add(Rule.BAD_EXTENSION, process.id, node.line, f"then {then!r} is neither incident nor undo")
    return Deadline(after, undo=then == "undo") if after is not None else None


def _business_key(process: Node, context: Context) -> BusinessKey:
    node = events.process_extension(process, "businessKey")
    if node is None:
        return BusinessKey()
    source, policy, scope = node.get("expression") or "", node.get("policy") or "reject", node.get("scope") or "open"
    for value, known, name in ((policy, _POLICIES, "policy"), (scope, _SCOPES, "scope")):
        if value not in known:
            context.findings.add(
                Rule.BAD_EXTENSION, process.id, node.line, f"{name} {value!r} is not one of {sorted(known)}"
            )
    if not source.strip():
        context.findings.add(Rule.BAD_EXTENSION, process.id, node.line, "tl:businessKey needs an expression")
        return BusinessKey(None, policy, scope)
    return BusinessKey(context.expression(source, process.id, node.line), policy, scope)
