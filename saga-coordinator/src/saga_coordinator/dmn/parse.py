"""From a DMN file to its decisions, or to everything that is wrong with it."""

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from saga_coordinator.bpmn import xmltree
from saga_coordinator.bpmn.findings import Finding, Findings, Refused, Rule
from saga_coordinator.bpmn.xmltree import MalformedXml
from saga_coordinator.bpmn.xmltree import Node as Xml
from saga_coordinator.dmn import tables
from saga_coordinator.dmn.decision import Decision, Formula, Logic, Node
from saga_coordinator.dmn.reader import Reader, child, children, source_of
from saga_coordinator.dmn.table import Nothing
from saga_coordinator.dmn.values import TYPES, Kind
from saga_coordinator.engine.process import Expression

# Tables and literal expressions are written the same way in all of them; 1.3 is what dmn-js writes.
NAMESPACES = frozenset(
    {
        "https://www.omg.org/spec/DMN/20191111/MODEL/",  # 1.3
        "https://www.omg.org/spec/DMN/20211108/MODEL/",  # 1.4
        "https://www.omg.org/spec/DMN/20230324/MODEL/",  # 1.5
        "http://www.omg.org/spec/DMN/20180521/MODEL/",  # 1.2
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",  # 1.1
    }
)
_OTHER_LOGIC = (
    "context", "invocation", "functionDefinition", "relation", "list", "conditional", "filter", "for", "every", "some",
)  # fmt: skip


def parse(xml: bytes, *, compile: Callable[[str], Expression]) -> dict[str, Decision]:  # noqa: A002 - the word for it
    """The decisions of a file by id, in file order. Raises `Refused` with all findings."""
    findings = Findings()
    root = _root(xml, findings)
    decisions = _decisions(root, compile, findings) if root is not None else {}
    if findings.sorted():
        raise Refused(findings.sorted())
    return decisions


def lint(xml: bytes, *, compile: Callable[[str], Expression]) -> list[Finding]:  # noqa: A002 - the word for it
    """Everything for which `parse` would refuse the file, by line; empty if nothing."""
    try:
        parse(xml, compile=compile)
    except Refused as refused:
        return refused.findings
    return []


def _root(xml: bytes, findings: Findings) -> Xml | None:
    try:
        root = xmltree.read(xml)
    except MalformedXml as error:
        findings.add(Rule.MALFORMED_XML, "", error.line, str(error))
        return None
    if root.name != "definitions" or root.namespace not in NAMESPACES:
        findings.add(Rule.NOT_DMN, root.name, root.line, "the root is not definitions of a DMN namespace (1.1 to 1.5)")
        return None
    return root


def _decisions(root: Xml, compile: Callable[[str], Expression], findings: Findings) -> dict[str, Decision]:  # noqa: A002
    reader = Reader(compile, root.get("expressionLanguage") or "", _own_types(root), findings)
    found = list(children(root, "decision"))
    if not found:
        findings.add(Rule.NO_DECISION, root.id or root.name, root.line, "there is no decision in this file")
    _check_ids(root, found, findings)
    known = {node.id for node in root.walk() if node.id}
    nodes = {node.id: _node(node, {other.id for other in found}, known, reader) for node in found}
    titles = {node.id: node.get("name") or "" for node in found}
    order = _order(nodes, {node.id: node.line for node in found}, findings)
    return {id_: Decision(id_, _needed(id_, nodes, order), titles[id_]) for id_ in nodes}


def _own_types(root: Xml) -> dict[str, Kind | None]:
    """Item definitions: what is based on a simple type is of that type, everything else is anything."""
    found: dict[str, Kind | None] = {}
    for node in children(root, "itemDefinition"):
        base = child(node, "typeRef")
        name = base.text.rpartition(":")[2].lower() if base is not None and not node.flag("isCollection") else "any"
        found[node.get("name") or ""] = TYPES.get(name)
    return found


def _check_ids(root: Xml, decisions: list[Xml], findings: Findings) -> None:
    for node in decisions:
        if not node.id:
            findings.add(Rule.MISSING_ID, node.get("name") or node.name, node.line, "a decision needs an id")
    seen: set[str] = set()
    for node in root.walk():
        if node.namespace != root.namespace or not node.id:
            continue
        if node.id in seen:
            findings.add(Rule.DUPLICATE_ID, node.id, node.line, "this id is used twice")
        seen.add(node.id)


def _node(node: Xml, decisions: set[str], known: set[str], reader: Reader) -> Node:
    variable = child(node, "variable")
    names = (node.id, node.get("name") or "", (variable.get("name") if variable is not None else None) or "")
    requires = tuple(dict.fromkeys(_required(node, decisions, known, reader)))
    return Node(node.id, tuple(dict.fromkeys(name for name in names if name)), _logic(node, variable, reader), requires)


def _required(node: Xml, decisions: set[str], known: set[str], reader: Reader) -> Iterator[str]:
    for requirement in children(node, "informationRequirement"):
        for reference in children(requirement, "requiredDecision", "requiredInput"):
            href = (reference.get("href") or "").strip()
            target = href.removeprefix("#")
            wanted = decisions if reference.name == "requiredDecision" else known
            if not href.startswith("#") or target not in wanted:
                message = f"{reference.name} {href!r} is not in this file"
                reader.findings.add(Rule.UNRESOLVED_REFERENCE, node.id, reference.line, message)
            elif reference.name == "requiredDecision":
                yield target
    for other in children(node, "knowledgeRequirement"):
        message = "a business knowledge model cannot be invoked here"
        reader.findings.add(Rule.UNSUPPORTED_DECISION, node.id, other.line, message)


def _logic(node: Xml, variable: Xml | None, reader: Reader) -> Logic:
    table, formula, other = child(node, "decisionTable"), child(node, "literalExpression"), child(node, *_OTHER_LOGIC)
    if table is not None:
        return tables.read(table, node.id, reader)
    if formula is not None and source_of(formula):
        holder = variable if variable is not None and variable.get("typeRef") else formula
        kind = reader.kind(holder.get("typeRef"), node.id, holder.line)
        return Formula(reader.entry(formula, node.id, "its expression"), kind)
    if other is not None:
        message = f"a decision made by {other.name} does not run here: use a table or a literal expression"
        reader.findings.add(Rule.UNSUPPORTED_DECISION, node.id, other.line, message)
    else:
        message = "it has neither a decision table nor a literal expression"
        reader.findings.add(Rule.MISSING_DECISION_LOGIC, node.id, node.line, message)
    return Formula(Nothing())


def _order(nodes: Mapping[str, Node], lines: Mapping[str, int], findings: Findings) -> list[str]:
    """Ids of all decisions, what is required first. A cycle is a finding."""
    try:
        return list(TopologicalSorter({id_: node.requires for id_, node in nodes.items()}).static_order())
    except CycleError as error:
        ring: list[str] = error.args[1]
        message = f"it requires itself: {' <- '.join(ring)}"
        findings.add(Rule.DECISION_CYCLE, ring[0], lines[ring[0]], message)
        return []


def _needed(id_: str, nodes: Mapping[str, Node], order: list[str]) -> tuple[Node, ...]:
    wanted, agenda = {id_}, [id_]
    while agenda:
        for required in nodes[agenda.pop()].requires:
            if required not in wanted:
                wanted.add(required)
                agenda.append(required)
    return tuple(nodes[other] for other in order if other in wanted)
