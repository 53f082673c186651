"""Execution details of activities, from the `tl` vocabulary (`openapi/bpmn/throughline.json`)."""

import re
from collections.abc import Iterable

from saga_coordinator.bpmn import timers
from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import Part
from saga_coordinator.bpmn.expressions import Constant
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import (
    Expression,
    FieldMapping,
    Kind,
    Lock,
    Operation,
    Retry,
    StepClass,
    Task,
    Trigger,
    Undo,
)
from service_kit import catalogue as kit

OPERATION_TASKS = frozenset({Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.BUSINESS_RULE_TASK})
THROWING = frozenset({Kind.THROW_EVENT, Kind.END_EVENT})
_TARGET = re.compile(r"^(\.|[^.\s]+(\.[^.\s]+)*)?$")


def read(part: Part, context: Context) -> Task:
    """The task of an activity, or the mappings of an event."""
    known = described(part, context)
    operation = _operation(part, known, context)
    undo = _undo(part, operation, context)
    script, result = _script(part, context)
    decision, decided = _decision(part, context)
    assignee, groups, form = _people(part, context)
    return Task(
        operation=operation,
        inputs=mappings(part.extension("input"), part.id, context),
        outputs=mappings(part.extension("output"), part.id, context),
        retry=_retry(part, context),
        step_class=_step_class(part, known, undo is not None, context),
        timeout=_length(part, "timeout", context),
        deadline=_length(part, "deadline", context),
        undo=undo,
        lock=_lock(part, context),
        script=script,
        decision=decision,
        result=result or decided,
        assignee=assignee,
        candidate_groups=groups,
        form=form,
    )


def operation_node(part: Part) -> Node | None:
    """The part's `tl:operation`."""
    return next(part.extension("operation"), None)


def mappings(nodes: Iterable[Node], element: str, context: Context) -> tuple[FieldMapping, ...]:
    """`tl:input` or `tl:output` elements as field mappings."""
    return tuple(_mapping(node, element, context) for node in nodes)


def _mapping(node: Node, element: str, context: Context) -> FieldMapping:
    target, source = (node.get("target") or "").strip(), node.get("source") or ""
    if not source.strip():
        context.findings.add(Rule.BAD_EXTENSION, element, node.line, f"tl:{node.name} needs a source")
    if not _TARGET.match(target):
        context.findings.add(Rule.BAD_EXTENSION, element, node.line, f"{target!r} is no dotted path")
    expression = context.expression(source, element, node.line) if source.strip() else Constant("")
    return FieldMapping("" if target == "." else target, expression)


def described(part: Part, context: Context) -> kit.Operation | None:
    """What the catalogue says of the part's operation."""
    node = operation_node(part)
    name = (node.get("name") or "") if node is not None else ""
    return context.operation(name, part.id, node.line) if node is not None and name else None


def _operation(part: Part, known: kit.Operation | None, context: Context) -> Operation | None:
    node = operation_node(part)
    if part.kind not in OPERATION_TASKS and not (part.kind in THROWING and node is not None):
        return None
    if _decision_of(part) in context.decisions:
        return None
    name = (node.get("name") or "") if node is not None else ""
    if not name and not context.tolerant and _decision_of(part) is None:
        line = node.line if node is not None else part.node.line
        context.findings.add(Rule.MISSING_OPERATION, part.id, line, f"a {part.node.name} needs a tl:operation")
    system = node.get("system") if node is not None else None
    if known is None:
        return _assumed(part, name, system or name.partition(".")[0])
    return _resolved(known, system or known.connector, part, context)


def _assumed(part: Part, name: str, system: str) -> Operation:
    """An operation that only an installation knows: what it is said to be is believed."""
    undo = None
    if name and part.node.tl("class") == StepClass.COMPENSATABLE:
        undo = Undo(Operation(name=f"{name}.undo", system=system, probe=True))
    return Operation(name=name or part.id, system=system, probe=True, undo=undo)


def _resolved(known: kit.Operation, system: str, part: Part, context: Context, with_undo: bool = True) -> Operation:
    undo = None
    if with_undo and known.undo is not None:
        operation = _undo_operation(known.undo.operation, known.connector, system, part, context)
        source = known.undo.input
        expression = context.expression(source, part.id, part.node.line) if source else None
        undo = Undo(operation, expression, never=known.undo.never)
    return Operation(
        name=known.name,
        system=system,
        safe_to_repeat=known.effect is not kit.Effect.CREATE,
        reads=known.effect is kit.Effect.READ,
        probe=known.probe,
        timeout=round(known.timeout * 1000),
        settle=round(known.settle * 1000),
        undo=undo,
    )


def _undo_operation(name: str, connector: str, system: str, part: Part, context: Context) -> Operation:
    known = context.operation(name, part.id, part.node.line)
    if known is None:
        return Operation(name=name, system=system, probe=True)
    return _resolved(known, system if known.connector == connector else known.connector, part, context, with_undo=False)


def _undo(part: Part, operation: Operation | None, context: Context) -> Undo | None:
    node = next(part.extension("undo"), None)
    if node is None or operation is None:
        return operation.undo if operation is not None else None
    name = node.get("operation") or ""
    if not name:
        context.findings.add(Rule.BAD_EXTENSION, part.id, node.line, "tl:undo needs an operation")
        return None
    inputs = (child for child in node.children if child.namespace == node.namespace and child.name == "input")
    return Undo(
        _undo_operation(name, operation.name.partition(".")[0], operation.system, part, context),
        inputs=mappings(inputs, part.id, context),
        never=tuple((node.get("never") or "").split()),
    )


def drawn_handler(part: Part) -> Part | None:
    """The compensation activity that a compensation boundary event of the part leads to, or the event sub-process
    inside the part that compensates it."""
    drawn = (event for event in part.boundary if event.trigger is Trigger.COMPENSATE)
    inside = part.inside.listeners if part.inside is not None else []
    own = (start.level.owner for start in inside if start.trigger is Trigger.COMPENSATE)
    return next((handler for event in drawn for handler in event.handlers), None) or next(own, None)


def _step_class(part: Part, known: kit.Operation | None, has_undo: bool, context: Context) -> StepClass:
    text = part.node.tl("class")
    if text is None:
        return _derived_class(part, known, has_undo)
    if text not in set(StepClass):
        context.findings.add(Rule.BAD_EXTENSION, part.id, part.node.line, f"tl:class {text!r} is not a step class")
        return StepClass.COMPENSATABLE
    if known is not None and text == StepClass.READ and known.effect is kit.Effect.CREATE:
        context.findings.add(
            Rule.CLASS_CONTRADICTS_EFFECT,
            part.id,
            part.node.line,
            f"{known.name} creates something: it cannot be of class read",
        )
    return StepClass(text)


def _derived_class(part: Part, known: kit.Operation | None, has_undo: bool) -> StepClass:
    """Where nothing says that there is an effect (no operation is known, none is drawn), there is nothing to undo."""
    if drawn_handler(part) is not None or has_undo:
        return StepClass.COMPENSATABLE
    reads = known is None or known.effect is kit.Effect.READ
    return StepClass.READ if reads else StepClass.COMPENSATABLE


def _length(part: Part, attribute: str, context: Context) -> int | None:
    text = part.node.tl(attribute)
    return timers.milliseconds(text, part.id, part.node.line, f"tl:{attribute}", context) if text else None


def _retry(part: Part, context: Context) -> Retry:
    node = next(part.extension("retry"), None)
    if node is None:
        return Retry()
    standard = Retry()
    first = _pause(part, node, "first", context) or standard.first
    return Retry(
        attempts=int(_number(part, node, "attempts", standard.attempts, context)),
        first=first,
        ceiling=max(_pause(part, node, "max", context) or standard.ceiling, first),
        factor=_number(part, node, "factor", standard.factor, context),
    )


def _lock(part: Part, context: Context) -> Lock | None:
    node = next(part.extension("lock"), None)
    if node is None:
        return None
    key, patience = node.get("key") or "", node.get("patience")
    if not key.strip():
        context.findings.add(Rule.BAD_EXTENSION, part.id, node.line, "tl:lock needs a key")
        return None
    expression = context.expression(key, part.id, node.line)
    waits = timers.milliseconds(patience, part.id, node.line, "tl:lock patience", context) if patience else None
    return Lock(expression, waits) if waits else Lock(expression)


def _pause(part: Part, node: Node, attribute: str, context: Context) -> int | None:
    text = node.get(attribute)
    return timers.milliseconds(text, part.id, node.line, f"tl:retry {attribute}", context) if text else None


def _number(part: Part, node: Node, attribute: str, default: float, context: Context) -> float:
    text = node.get(attribute)
    if text is None:
        return default
    pattern = r"\d+" if attribute == "attempts" else r"\d+(\.\d+)?"
    if not re.fullmatch(pattern, text.strip()) or not 1 <= float(text) <= 1_000:
        context.findings.add(
            Rule.BAD_EXTENSION, part.id, node.line, f"tl:retry {attribute}: {text!r} is no number from 1 to 1000"
        )
        return default
    return float(text)


def _script(part: Part, context: Context) -> tuple[Expression | None, str]:
    if part.kind is not Kind.SCRIPT_TASK:
        return None, ""
    node = next(part.extension("script"), None)
    if node is not None:
        result = (node.get("result") or "").strip()
        if not _TARGET.match(result):
            context.findings.add(Rule.BAD_EXTENSION, part.id, node.line, f"{result!r} is no dotted path")
        return context.expression(node.get("expression") or "", part.id, node.line), result
    foreign = part.node.first("script")
    if foreign is not None and foreign.text and not context.tolerant:
        language = part.node.get("scriptFormat") or "another language"
        context.findings.add(
            Rule.BAD_EXPRESSION, part.id, foreign.line, f"a script in {language} does not run here: use tl:script"
        )
    return None, ""


_NOT_BESIDE_A_DECISION = ("operation", "retry", "undo")


def _decision_of(part: Part) -> str | None:
    node = next(part.extension("decision"), None)
    return (node.get("ref") or "").strip() if node is not None else None


def _decision(part: Part, context: Context) -> tuple[Expression | None, str]:
    """The decision that a business rule task asks, and where its value goes."""
    node, reference = next(part.extension("decision"), None), _decision_of(part)
    if node is None or part.kind is not Kind.BUSINESS_RULE_TASK:
        return None, ""

    def finding(message: str) -> None:
        context.findings.add(Rule.BAD_EXTENSION, part.id, node.line, message)

    result = (node.get("result") or "").strip()
    for name in _NOT_BESIDE_A_DECISION:
        if any(True for _ in part.extension(name)):
            finding(f"tl:{name} means nothing beside tl:decision: the engine itself decides")
    if not _TARGET.match(result):
        finding(f"{result!r} is no dotted path")
    if not result and not any(True for _ in part.extension("output")):
        finding("tl:decision needs a result, or the task a tl:output")
    if not reference:
        finding("tl:decision needs a ref")
        return None, ""
    return context.decision(reference, part.id, node.line), result


def _people(part: Part, context: Context) -> tuple[Expression | None, tuple[str, ...], str | None]:
    if part.kind is not Kind.USER_TASK:
        return None, (), None
    text = part.node.tl("assignee") or ""
    assignee: Expression | None = Constant(text) if text else None
    if text.startswith("="):
        assignee = context.expression(text[1:], part.id, part.node.line)
    groups = (group.strip() for group in (part.node.tl("candidateGroups") or "").split(","))
    return assignee, tuple(group for group in groups if group), part.node.tl("form")
