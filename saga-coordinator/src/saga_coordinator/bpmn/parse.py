"""From a BPMN file to a `Process`, or to everything that is wrong with it."""

import re
from collections.abc import Callable, Mapping

from saga_coordinator.bpmn import build, diagram, xmltree
from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.findings import Finding, Refused, Rule
from saga_coordinator.bpmn.rules import borders
from saga_coordinator.bpmn.xmltree import BPMN, MalformedXml, Node
from saga_coordinator.engine.process import Expression, Process
from service_kit import catalogue as kit
from service_kit.calendars import Calendar

# As the API addresses processes (`openapi/gateway.yaml`).
PROCESS_ID = re.compile(r"[A-Za-z_\u0080-\uffff][A-Za-z0-9_.\u0080-\uffff-]{0,119}")


def parse(
    xml: bytes,
    *,
    catalogue: Mapping[str, kit.Operation] | None,
    compile: Callable[[str], Expression],  # noqa: A002 - the word for it
    process_id: str | None = None,
    tolerant: bool = False,
    decisions: Mapping[str, Expression] | None = None,
    calendars: Mapping[str, Calendar] | None = None,
) -> Process:
    """The executable process of a file (`process_id` picks one of several). Raises `Refused` with all findings.

    `decisions` are those that business rule tasks may ask, by id. `tolerant` is for running scenarios: what only an
    installation can know (operations, decisions, calendars, foreign condition and timer languages, correlation, a
    missing `isExecutable`) is let pass; broken structure never is.
    """
    context = Context(catalogue, compile, tolerant, decisions=decisions or {}, calendars=calendars or {})
    process = _parse(xml, context, process_id)
    findings = context.findings.sorted()
    if findings or process is None:
        raise Refused(findings)
    return process


def lint(
    xml: bytes,
    *,
    catalogue: Mapping[str, kit.Operation] | None,
    compile: Callable[[str], Expression],  # noqa: A002 - the word for it
    process_id: str | None = None,
    tolerant: bool = False,
    decisions: Mapping[str, Expression] | None = None,
    calendars: Mapping[str, Calendar] | None = None,
) -> list[Finding]:
    """Everything for which `parse` would refuse the file, by line; empty if nothing."""
    try:
        parse(
            xml,
            catalogue=catalogue,
            compile=compile,
            process_id=process_id,
            tolerant=tolerant,
            decisions=decisions,
            calendars=calendars,
        )
    except Refused as refused:
        return refused.findings
    return []


def process_ids(xml: bytes, *, executable: bool = False) -> list[str]:
    """The ids of the processes in a file, those marked executable first (`executable`: no others, where there are any).
    Raises `Refused` if it cannot be read."""
    context = Context(None, _never, tolerant=True)
    root = _root(xml, context)
    if root is None:
        raise Refused(context.findings.sorted())
    found = sorted(diagram.processes(root), key=lambda node: not node.flag("isExecutable"))
    marked = [node for node in found if node.flag("isExecutable")] if executable else []
    return [node.id for node in marked or found if node.id]


def _never(source: str) -> Expression:
    raise AssertionError(f"nothing is compiled here: {source}")


def _parse(xml: bytes, context: Context, process_id: str | None) -> Process | None:
    root = _root(xml, context)
    node = _choose(root, process_id, context) if root is not None else None
    if root is not None:
        borders.check(root, node, context.findings)
    if root is None or node is None:
        return None
    read = diagram.read(root, node, context.findings, tolerant=context.tolerant)
    return build.build(read, context)


def _root(xml: bytes, context: Context) -> Node | None:
    try:
        root = xmltree.read(xml)
    except MalformedXml as error:
        context.findings.add(Rule.MALFORMED_XML, "", error.line, str(error))
        return None
    if (root.namespace, root.name) != (BPMN, "definitions"):
        context.findings.add(Rule.NOT_BPMN, root.name, root.line, f"the root is not definitions of {BPMN}")
        return None
    return root


def _choose(root: Node, process_id: str | None, context: Context) -> Node | None:
    found = diagram.processes(root)
    if process_id is not None:
        named = [node for node in found if node.id == process_id]
        if not named:
            context.findings.add(Rule.UNKNOWN_PROCESS, process_id, root.line, f"there is no process {process_id!r}")
            return None
        return _executable(named[0], context)
    candidates = [node for node in found if node.flag("isExecutable")]
    if not candidates and context.tolerant:
        candidates = [node for node in found if any(c.name in diagram.FLOW_NODES for c in node.bpmn())] or found
    candidates = candidates or found
    if len(candidates) > 1:
        names = ", ".join(node.id for node in candidates)
        context.findings.add(Rule.AMBIGUOUS_PROCESS, root.name, root.line, f"say which process is meant: {names}")
        return None
    if not candidates:
        context.findings.add(Rule.NO_PROCESS, root.name, root.line, "there is no process in this file")
        return None
    return _executable(candidates[0], context)


def _executable(node: Node, context: Context) -> Node:
    if not node.id:
        context.findings.add(Rule.MISSING_ID, node.name, node.line, "a process needs an id")
    elif not context.tolerant and not PROCESS_ID.fullmatch(node.id):
        message = "an id has letters, digits, '.', '-' and '_', begins with a letter, and is not longer than 120"
        context.findings.add(Rule.BAD_ID, node.id, node.line, message)
    if not context.tolerant and not node.flag("isExecutable"):
        context.findings.add(Rule.NOT_EXECUTABLE, node.id, node.line, 'the process is not marked isExecutable="true"')
    return node
