"""Sequence flows of the other pools of a file: none leads into another process (BPMN 7.6.1)."""

from saga_coordinator.bpmn.diagram import processes
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node


def check(root: Node, chosen: Node | None, findings: Findings) -> None:
    """Every process but the one that is read (whose own flows `flows` judges)."""
    owners = {node.id: process for process in processes(root) for node in process.walk() if node.id}
    for process in processes(root):
        if process is not chosen:
            for flow in process.walk():
                if flow.name == "sequenceFlow":
                    _check_ends(flow, process, owners, findings)


def _check_ends(flow: Node, process: Node, owners: dict[str, Node], findings: Findings) -> None:
    for attribute in ("sourceRef", "targetRef"):
        reference = flow.get(attribute) or ""
        owner = owners.get(reference) or owners.get(reference.rpartition(":")[2])
        if owner is not None and owner is not process:
            message = f"{attribute} {reference!r} is in another process"
            findings.add(Rule.FLOW_CROSSES_BORDER, flow.id or flow.name, flow.line, message)
