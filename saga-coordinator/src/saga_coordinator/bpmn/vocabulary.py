"""Where elements of the `tl` vocabulary may stand (`openapi/bpmn/throughline.json`)."""

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import ACTIVITIES, Diagram, Part
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.tasks import OPERATION_TASKS, THROWING
from saga_coordinator.bpmn.xmltree import TL, Node
from saga_coordinator.engine.process import Kind

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


def check(diagram: Diagram, context: Context) -> None:
    """Every `tl` element is known, and stands where it means something."""
    for holder in diagram.process.bpmn("extensionElements"):
        for child in holder.children:
            if child.namespace == TL and child.name not in OF_PROCESS:
                _misplaced(diagram.process, child, context)
    for part in diagram.parts.values():
        seen: set[str] = set()
        for holder in part.node.bpmn("extensionElements"):
            for child in holder.children:
                if child.namespace == TL:
                    _check(part, child, seen, context)


def _check(part: Part, child: Node, seen: set[str], context: Context) -> None:
    if part.kind not in PLACES.get(child.name, frozenset()):
        _misplaced(part.node, child, context)
    elif child.name in seen and child.name in _ONCE:
        context.findings.add(Rule.BAD_EXTENSION, part.id, child.line, f"tl:{child.name} stands here twice")
    seen.add(child.name)


def _misplaced(holder: Node, child: Node, context: Context) -> None:
    if child.name in PLACES or child.name in OF_PROCESS:
        message = f"tl:{child.name} means nothing on a {holder.name}"
        context.findings.add(Rule.MISPLACED_EXTENSION, holder.id, child.line, message)
    else:
        context.findings.add(Rule.BAD_EXTENSION, holder.id, child.line, f"there is no tl:{child.name}")
