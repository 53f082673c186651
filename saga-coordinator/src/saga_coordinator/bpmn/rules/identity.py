"""Ids: none is used twice in a file."""

from saga_coordinator.bpmn.diagram import Diagram, model_nodes
from saga_coordinator.bpmn.findings import Findings, Rule


def check(diagram: Diagram, findings: Findings) -> None:
    """Ids are `xsd:ID`: unique in the whole file."""
    seen: dict[str, int] = {}
    for node in model_nodes(diagram.root):
        identifier = node.id
        if not identifier:
            continue
        if identifier in seen:
            findings.add(Rule.DUPLICATE_ID, identifier, node.line, f"the id is used already in line {seen[identifier]}")
        else:
            seen[identifier] = node.line
