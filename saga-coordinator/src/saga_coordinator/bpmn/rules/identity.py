"""Ids: none is used twice in a file."""

from saga_coordinator.bpmn.diagram import Diagram, model_nodes
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node

# What only its own activity knows: tools repeat such ids from activity to activity, and nothing means another's.
_PRIVATE = frozenset(
    {
        "ioSpecification", "inputSet", "outputSet", "dataInput", "dataOutput", "dataInputAssociation",
        "dataOutputAssociation", "assignment", "from", "to", "transformation", "inputDataItem", "outputDataItem",
        "multiInstanceLoopCharacteristics", "standardLoopCharacteristics", "loopCardinality", "completionCondition",
        "formalExpression", "conditionExpression", "condition", "timeDate", "timeDuration", "timeCycle",
        "potentialOwner", "humanPerformer", "performer", "resourceRole", "resourceAssignmentExpression",
        "resourceParameterBinding", "documentation",
    }
)  # fmt: skip


def check(diagram: Diagram, findings: Findings) -> None:
    """Ids are `xsd:ID`: unique in the whole file, as far as anything could refer to them."""
    seen: dict[str, Node] = {}
    for node in model_nodes(diagram.root):
        first = seen.setdefault(node.id, node) if node.id else node
        if first is not node and not (first.name in _PRIVATE and node.name in _PRIVATE):
            findings.add(Rule.DUPLICATE_ID, node.id, node.line, f"the id is used already in line {first.line}")
