"""Event definitions as the engine wants them."""

from saga_coordinator.bpmn import timers
from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import Diagram, Part
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.rules.links import link_name, targets
from saga_coordinator.bpmn.xmltree import TL, Node
from saga_coordinator.engine.process import EventDefinition, Expression, Kind, TimerDefinition, Trigger

_CATCHES = {Kind.CATCH_EVENT, Kind.BOUNDARY_EVENT, Kind.RECEIVE_TASK, Kind.START_EVENT}
_THROWS = {Kind.THROW_EVENT, Kind.END_EVENT}
_REFERENCES = {
    Trigger.MESSAGE: ("messageRef", "name"),
    Trigger.SIGNAL: ("signalRef", "name"),
    Trigger.ERROR: ("errorRef", "errorCode"),
    Trigger.ESCALATION: ("escalationRef", "escalationCode"),
}


def read(diagram: Diagram, part: Part, context: Context) -> EventDefinition | None:
    """What the part waits for or throws; None for an activity that does neither."""
    if part.kind is Kind.RECEIVE_TASK:
        return _message(diagram, part, part.node, context)
    if part.is_activity or part.kind is None or not part.kind.value.endswith("Event"):
        return None
    node = part.definition
    if node is None:
        return EventDefinition(Trigger.NONE)
    if part.trigger is Trigger.MESSAGE:
        return _message(diagram, part, node, context)
    if part.trigger is Trigger.SIGNAL and not node.get("signalRef") and not context.tolerant:
        context.findings.add(Rule.MISSING_SIGNAL, part.id, node.line, "it does not say which signal")
    return EventDefinition(
        part.trigger,
        name=_name(diagram, part, node),
        code=_code(diagram, part, node),
        timer=_timer(part, node, context),
        condition=_condition(part, node, context),
        target=_target(diagram, part, node),
        waits=node.flag("waitForCompletion", True),
    )


def _target(diagram: Diagram, part: Part, node: Node) -> str | None:
    """The activity that a compensation is for, or the event that a link leads to."""
    if part.trigger is Trigger.LINK and part.kind is Kind.THROW_EVENT:
        found = next(iter(targets(part)), None)
    else:
        found = diagram.part(node.get("activityRef")) if part.trigger is Trigger.COMPENSATE else None
    return found.id if found is not None else None


def _message(diagram: Diagram, part: Part, node: Node, context: Context) -> EventDefinition:
    has_operation = any(True for _ in part.extension("operation"))
    if not node.get("messageRef") and not context.tolerant and not has_operation:
        context.findings.add(Rule.MISSING_MESSAGE, part.id, node.line, "it does not say which message")
    name = _referred_text(diagram, node, Trigger.MESSAGE) or part.id
    if part.kind is Kind.START_EVENT and part.level.owner is None:
        key, condition = _start(part, context)
        return EventDefinition(Trigger.MESSAGE, name, correlation=key, condition=condition)
    return EventDefinition(Trigger.MESSAGE, name, correlation=_correlation(diagram, part, context))


def _start(part: Part, context: Context) -> tuple[Expression | None, Expression | None]:
    node = next(part.extension("start"), None)
    if node is None:
        return None, None
    key, condition = node.get("key"), node.get("condition")
    return (
        context.expression(key, part.id, node.line) if key else None,
        context.expression(condition, part.id, node.line) if condition else None,
    )


def _correlation(diagram: Diagram, part: Part, context: Context) -> Expression | None:
    if part.kind not in _CATCHES | _THROWS:
        return None
    node = next(part.extension("correlation"), None)
    key = (node.get("key") or "").strip() if node is not None else ""
    if node is not None and key:
        return context.expression(key, part.id, node.line)
    if part.kind in _CATCHES and not context.tolerant and not has_business_key(diagram.process):
        line = node.line if node is not None else part.node.line
        message = "which instance is meant? Give it a tl:correlation key, or the process a tl:businessKey"
        context.findings.add(Rule.MISSING_CORRELATION, part.id, line, message)
    return None


def has_business_key(process: Node) -> bool:
    """Whether the process names its instances: a message without correlation of its own means that name."""
    return process_extension(process, "businessKey") is not None


def process_extension(process: Node, name: str) -> Node | None:
    """The `tl` element of that name on the process itself."""
    holders = process.bpmn("extensionElements")
    return next((c for h in holders for c in h.children if c.namespace == TL and c.name == name), None)


def _referred_text(diagram: Diagram, node: Node, trigger: Trigger) -> str | None:
    attribute, text = _REFERENCES[trigger]
    found = diagram.referred(node.get(attribute))
    if found is None:
        return None
    return found.get(text) or (found.id if text == "name" else None)


def _name(diagram: Diagram, part: Part, node: Node) -> str:
    if part.trigger is Trigger.LINK:
        meets = next(iter(targets(part)), part) if part.kind is Kind.THROW_EVENT else part
        return link_name(meets) or meets.id
    return (_referred_text(diagram, node, Trigger.SIGNAL) or part.id) if part.trigger is Trigger.SIGNAL else ""


def _code(diagram: Diagram, part: Part, node: Node) -> str | None:
    return _referred_text(diagram, node, part.trigger) if part.trigger in {Trigger.ERROR, Trigger.ESCALATION} else None


def _timer(part: Part, node: Node, context: Context) -> TimerDefinition | None:
    return timers.read(node, part.id, context) if part.trigger is Trigger.TIMER else None


def _condition(part: Part, node: Node, context: Context) -> Expression | None:
    condition = node.first("condition") if part.trigger is Trigger.CONDITIONAL else None
    if condition is None or not condition.text:
        return None
    return context.expression(condition.text, part.id, condition.line, foreign=True)
