"""Sequence flows (BPMN 7.6.1, 8.4.13)."""

from saga_coordinator.bpmn.diagram import EVENTS, Diagram, FlowPart, Part, model_nodes
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Kind

_NO_CONDITIONS = EVENTS | {Kind.PARALLEL_GATEWAY, Kind.EVENT_GATEWAY}
_DEFAULT_ATTRIBUTE = frozenset({"exclusiveGateway", "inclusiveGateway", "complexGateway"})


def check(diagram: Diagram, findings: Findings) -> None:
    """Both ends exist on one level, conditions stand where they may, defaults belong to their source."""
    _check_ends(diagram, findings)
    flows = {node.id: node for node in model_nodes(diagram.root) if node.name == "sequenceFlow" and node.id}
    for flow in diagram.flows:
        _check_level(flow, findings)
        _check_condition(flow, findings)
    for part in diagram.parts.values():
        _check_default(diagram, part, findings)
        _check_lone_condition(part, findings)
        _check_listed(diagram, part, flows, findings)


def _check_ends(diagram: Diagram, findings: Findings) -> None:
    elsewhere = {node.id: node.name for node in model_nodes(diagram.root) if node.id}
    own = {node.id for node in diagram.process.walk() if node.id}
    for flow in diagram.unresolved:
        for attribute in ("sourceRef", "targetRef"):
            reference = flow.get(attribute)
            name = flow.id or flow.name
            if diagram.part(reference) is not None:
                continue
            if reference in elsewhere and reference not in own:
                findings.add(
                    Rule.FLOW_CROSSES_BORDER, name, flow.line, f"{attribute} {reference!r} is in another process"
                )
            elif reference in elsewhere:
                findings.add(
                    Rule.DANGLING_FLOW, name, flow.line, f"{attribute} {reference!r} is a {elsewhere[reference]}"
                )
            elif not reference:
                findings.add(Rule.DANGLING_FLOW, name, flow.line, f"{attribute} is missing")
            else:
                findings.add(Rule.DANGLING_FLOW, name, flow.line, f"{attribute} {reference!r} does not exist")


def _check_level(flow: FlowPart, findings: Findings) -> None:
    if flow.source.level is not flow.target.level:
        findings.add(
            Rule.FLOW_CROSSES_BORDER, flow.id, flow.node.line, "a sequence flow cannot cross a sub-process's border"
        )


def _check_condition(flow: FlowPart, findings: Findings) -> None:
    if flow.condition is not None and flow.source.kind in _NO_CONDITIONS:
        findings.add(
            Rule.CONDITION_NOT_ALLOWED,
            flow.id,
            flow.condition.line,
            f"a flow from a {flow.source.node.name} has no condition",
        )


def _check_default(diagram: Diagram, part: Part, findings: Findings) -> None:
    default = part.node.get("default")
    if default is None:
        return
    if not part.is_activity and part.node.name not in _DEFAULT_ATTRIBUTE:
        findings.add(Rule.DEFAULT_NOT_ALLOWED, part.id, part.node.line, f"a {part.node.name} has no default flow")
    elif default_of(part) is None:
        findings.add(
            Rule.DEFAULT_NOT_OUTGOING, part.id, part.node.line, f"the default flow {default!r} does not leave it"
        )


def default_of(part: Part) -> FlowPart | None:
    """The part's default flow."""
    default = part.node.get("default") or ""
    names = {default, default.rpartition(":")[2]} - {""}
    return next((flow for flow in part.outgoing if flow.id in names), None)


def _check_lone_condition(part: Part, findings: Findings) -> None:
    if part.is_activity and len(part.outgoing) == 1 and part.outgoing[0].condition is not None:
        flow = part.outgoing[0]
        findings.add(
            Rule.LONE_CONDITION,
            flow.id,
            flow.node.line,
            f"the only flow out of {part.id} cannot be conditional: if it is not taken, nothing is",
        )


def _check_listed(diagram: Diagram, part: Part, flows: dict[str, Node], findings: Findings) -> None:
    for listed in part.node.bpmn("incoming", "outgoing"):
        flow = flows.get(listed.text) or flows.get(listed.text.rpartition(":")[2])
        if flow is None:
            message = f"its {listed.name} flow {listed.text!r} does not exist"
            findings.add(Rule.DANGLING_FLOW, part.id, listed.line, message)
            continue
        end = diagram.part(flow.get("targetRef" if listed.name == "incoming" else "sourceRef"))
        if end is not None and end is not part:
            message = f"its {listed.name} flow {listed.text!r} is one of {end.id}"
            findings.add(Rule.DANGLING_FLOW, part.id, listed.line, message)


def condition_of(flow: FlowPart) -> Node | None:
    """The condition that counts: none on a default flow (BPMN 8.4.13: it is ignored)."""
    return None if default_of(flow.source) is flow else flow.condition
