"""Message flows (BPMN 7.6.2, 9.4): documentation, but they have to connect what can send with what can receive."""

from saga_coordinator.bpmn.diagram import EVENTS, FLOW_NODES, Diagram, Part, model_nodes
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Kind, Trigger

_ENDS = FLOW_NODES | {"participant", "choreographyTask", "subChoreography", "callChoreography"}
_ENDS |= {"conversation", "subConversation", "callConversation"}
_SENDS = {Kind.END_EVENT, Kind.THROW_EVENT}
_RECEIVES = {Kind.START_EVENT, Kind.CATCH_EVENT, Kind.BOUNDARY_EVENT}


def check(diagram: Diagram, findings: Findings) -> None:
    """Ends that lie in this process are judged; the other pools are somebody else's."""
    nodes = {node.id: node for node in model_nodes(diagram.root) if node.id}
    for collaboration in diagram.root.bpmn("collaboration"):
        pools = {
            participant.id: (participant.get("processRef") or "").rpartition(":")[2]
            for participant in collaboration.bpmn("participant")
        }
        for flow in collaboration.bpmn("messageFlow"):
            source, target = (_owner(diagram, pools, flow.get(end)) for end in ("sourceRef", "targetRef"))
            if source == target == diagram.process.id:
                message = "a message flow connects two different pools"
                findings.add(Rule.MESSAGE_FLOW_INSIDE_POOL, flow.id or flow.name, flow.line, message)
            _check_kind(flow, nodes, findings)
            _check_end(diagram.part(flow.get("sourceRef")), flow, _SENDS, "send", findings)
            _check_end(diagram.part(flow.get("targetRef")), flow, _RECEIVES, "receive", findings)


def _owner(diagram: Diagram, pools: dict[str, str], reference: str | None) -> str | None:
    if reference in pools:
        return pools[reference] or None
    return diagram.process.id if reference and diagram.part(reference) else None


def _check_kind(flow: Node, nodes: dict[str, Node], findings: Findings) -> None:
    for attribute in ("sourceRef", "targetRef"):
        reference = flow.get(attribute) or ""
        node = nodes.get(reference) or nodes.get(reference.rpartition(":")[2])
        if node is None:
            message = f"{attribute} {reference!r} does not exist"
            findings.add(Rule.UNRESOLVED_REFERENCE, flow.id or flow.name, flow.line, message)
        elif node.name not in _ENDS:
            message = f"{attribute} {reference!r} is a {node.name}"
            findings.add(Rule.MESSAGE_FLOW_END, flow.id or flow.name, flow.line, message)


def _check_end(part: Part | None, flow: Node, events: set[Kind], what: str, findings: Findings) -> None:
    if part is None or part.is_activity:
        return
    is_message = any(trigger is Trigger.MESSAGE for trigger, _ in part.definitions)
    if part.kind not in EVENTS or part.kind not in events or not is_message:
        message = f"{part.id}, a {part.node.name}, cannot {what} a message"
        findings.add(Rule.MESSAGE_FLOW_END, flow.id or flow.name, flow.line, message)
