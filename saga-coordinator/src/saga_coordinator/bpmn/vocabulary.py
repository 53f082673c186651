"""Where elements and attributes of the `tl` vocabulary may stand (`openapi/bpmn/throughline.json` says the same)."""

from collections.abc import Iterator

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import ACTIVITIES, SUB_PROCESSES, Diagram, Part
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.tasks import OPERATION_TASKS, THROWING
from saga_coordinator.bpmn.xmltree import TL, Node
from saga_coordinator.engine.process import Kind, Trigger

_CATCHING = {Kind.START_EVENT, Kind.CATCH_EVENT, Kind.BOUNDARY_EVENT}
PLACES: dict[str, frozenset[Kind]] = {
    "operation": OPERATION_TASKS | THROWING,
    "retry": OPERATION_TASKS | THROWING,
    "items": ACTIVITIES,
    "undo": OPERATION_TASKS,
    "lock": OPERATION_TASKS | {Kind.USER_TASK},
    "input": ACTIVITIES | THROWING,
    "output": ACTIVITIES | _CATCHING,
    "correlation": frozenset({Kind.RECEIVE_TASK} | _CATCHING | THROWING),
    "start": frozenset({Kind.START_EVENT}),
    "script": frozenset({Kind.SCRIPT_TASK}),
    "decision": frozenset({Kind.BUSINESS_RULE_TASK}),
}
OF_PROCESS = frozenset({"businessKey", "deadline", "retention"})
_ONCE = frozenset({"operation", "retry", "undo", "lock", "correlation", "start", "script", "items", "decision"})
FIELDS: dict[str, frozenset[str]] = {
    "operation": frozenset({"name", "system"}),
    "retry": frozenset({"attempts", "first", "max", "factor"}),
    "items": frozenset({"collection", "item", "result", "output"}),
    "undo": frozenset({"operation", "never"}),
    "lock": frozenset({"key", "patience"}),
    "input": frozenset({"target", "source"}),
    "output": frozenset({"target", "source"}),
    "correlation": frozenset({"key"}),
    "start": frozenset({"key", "condition"}),
    "script": frozenset({"expression", "result"}),
    "decision": frozenset({"ref", "result"}),
    "businessKey": frozenset({"expression", "policy", "scope"}),
    "deadline": frozenset({"after", "then"}),
    "retention": frozenset({"after", "archive", "keys"}),
}
ATTRIBUTES: dict[str, frozenset[Kind]] = {
    "class": ACTIVITIES | THROWING,
    "timeout": ACTIVITIES | THROWING,
    "deadline": ACTIVITIES | THROWING,
    "assignee": frozenset({Kind.USER_TASK}),
    "candidateGroups": frozenset({Kind.USER_TASK}),
    "form": frozenset({Kind.USER_TASK}),
    "parallelUndo": SUB_PROCESSES,
}
ATTRIBUTES_OF_PROCESS = frozenset({"parallelUndo", "secrets"})
ATTRIBUTES_OF_TIMER = frozenset({"calendar", "timeZone"})
_ATTRIBUTES = ATTRIBUTES_OF_PROCESS | ATTRIBUTES_OF_TIMER | ATTRIBUTES.keys()


def check(diagram: Diagram, context: Context) -> None:
    """Every `tl` element and attribute is known, and stands where it means something."""
    _check_process(diagram.process, context)
    for part in diagram.parts.values():
        _check_attributes(part.node, part.id, _attributes_of(part), context)
        for trigger, definition in part.definitions:
            known = ATTRIBUTES_OF_TIMER if trigger is Trigger.TIMER else frozenset[str]()
            _check_attributes(definition, part.id, known, context)
        seen: set[str] = set()
        for child in _extensions(part.node):
            _check(part, child, seen, context)


def _extensions(node: Node) -> Iterator[Node]:
    return (child for holder in node.bpmn("extensionElements") for child in holder.children if child.namespace == TL)


def _check_process(process: Node, context: Context) -> None:
    _check_attributes(process, process.id, ATTRIBUTES_OF_PROCESS, context)
    for child in _extensions(process):
        if child.name in OF_PROCESS:
            _check_fields(process.id, child, context)
        else:
            _misplaced(process, child, context)


def _check(part: Part, child: Node, seen: set[str], context: Context) -> None:
    if part.kind not in PLACES.get(child.name, frozenset()):
        _misplaced(part.node, child, context)
        return
    if child.name in seen and child.name in _ONCE:
        context.findings.add(Rule.BAD_EXTENSION, part.id, child.line, f"tl:{child.name} stands here twice")
    seen.add(child.name)
    _check_fields(part.id, child, context)


def _attributes_of(part: Part) -> frozenset[str]:
    return frozenset(name for name, kinds in ATTRIBUTES.items() if part.kind in kinds)


def _check_attributes(node: Node, element: str, here: frozenset[str], context: Context) -> None:
    for name in node.tl_names:
        if name not in _ATTRIBUTES:
            context.findings.add(Rule.BAD_EXTENSION, element, node.line, f"there is no attribute tl:{name}")
        elif name not in here:
            message = f"the attribute tl:{name} means nothing on a {node.name}"
            context.findings.add(Rule.MISPLACED_EXTENSION, element, node.line, message)


def _check_fields(element: str, node: Node, context: Context) -> None:
    """A name that is misspelt is not taken for one that is left out."""
    for name in node.attributes.keys() - FIELDS.get(node.name, frozenset()):
        context.findings.add(Rule.BAD_EXTENSION, element, node.line, f"a tl:{node.name} has no {name!r}")
    for child in node.children:
        _check_fields(element, child, context)


def _misplaced(holder: Node, child: Node, context: Context) -> None:
    if child.name in PLACES or child.name in OF_PROCESS:
        message = f"tl:{child.name} means nothing on a {holder.name}"
        context.findings.add(Rule.MISPLACED_EXTENSION, holder.id, child.line, message)
    else:
        context.findings.add(Rule.BAD_EXTENSION, holder.id, child.line, f"there is no tl:{child.name}")
