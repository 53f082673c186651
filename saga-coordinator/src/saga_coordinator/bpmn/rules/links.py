"""Link events: throw and catch of one pair on one level (BPMN 10.5.4, Link Intermediate Events).

A pair is told by the name that both definitions carry, or by a throw's `target` or a catch's `source` references.
"""

from saga_coordinator.bpmn.diagram import Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Kind, Trigger


def check(diagram: Diagram, findings: Findings) -> None:
    """Every throwing link has exactly one target, every target a source, and none has a flow on its linked side."""
    for level in diagram.levels:
        throws, catches = _links(level, Kind.THROW_EVENT), _links(level, Kind.CATCH_EVENT)
        for part in (*throws, *catches):
            if not link_name(part) and not _references(part):
                findings.add(Rule.MISSING_LINK_NAME, part.id, part.node.line, "a link event needs a name")
        for throw in throws:
            _check_throw(throw, findings)
        for catch in catches:
            if _is_told(catch) and not any(catch in targets(throw) for throw in throws):
                message = f"no throwing link {link_name(catch)!r} is on this level"
                findings.add(Rule.LINK_WITHOUT_PAIR, catch.id, catch.node.line, message)
            _check_flows(catch, bool(catch.incoming), bool(catch.outgoing), "catching", findings)


def link_name(part: Part) -> str:
    """The name of a link event's definition."""
    node = part.definition
    return (node.get("name") or "") if node is not None else ""


def targets(throw: Part) -> list[Part]:
    """The catching links on the same level that a throwing link leads to, in file order."""
    return [catch for catch in _links(throw.level, Kind.CATCH_EVENT) if _are_paired(throw, catch)]


def _links(level: Level, kind: Kind) -> list[Part]:
    return [part for part in level.of(kind) if part.trigger is Trigger.LINK]


def _are_paired(throw: Part, catch: Part) -> bool:
    if _definition_id(catch) in _references(throw) or _definition_id(throw) in _references(catch):
        return True
    return bool(link_name(throw)) and link_name(throw) == link_name(catch)


def _references(part: Part) -> set[str]:
    node: Node | None = part.definition
    return {child.text.rpartition(":")[2] for child in node.bpmn("source", "target")} if node is not None else set()


def _definition_id(part: Part) -> str:
    return part.definition.id if part.definition is not None and part.definition.id else "-"


def _is_told(part: Part) -> bool:
    return bool(link_name(part) or _references(part))


def _check_throw(throw: Part, findings: Findings) -> None:
    found = targets(throw)
    if _is_told(throw) and not found:
        message = f"no catching link {link_name(throw)!r} is on this level"
        findings.add(Rule.LINK_WITHOUT_PAIR, throw.id, throw.node.line, message)
    for catch in found[1:]:
        message = f"{throw.id} has another catching link already"
        findings.add(Rule.LINK_AMBIGUOUS, catch.id, catch.node.line, message)
    _check_flows(throw, bool(throw.outgoing), bool(throw.incoming), "throwing", findings)


def _check_flows(part: Part, wrong: bool, right: bool, what: str, findings: Findings) -> None:
    if wrong:
        side = "outgoing" if what == "throwing" else "incoming"
        findings.add(Rule.LINK_WITH_FLOW, part.id, part.node.line, f"a {what} link has no {side} sequence flow")
    if not right:
        rule = Rule.EVENT_WITHOUT_INCOMING if what == "throwing" else Rule.EVENT_WITHOUT_OUTGOING
        findings.add(rule, part.id, part.node.line, f"a {what} link needs a sequence flow on its other side")
