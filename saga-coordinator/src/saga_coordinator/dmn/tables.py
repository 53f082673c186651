"""`decisionTable` elements, judged and read."""

from typing import Any

from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.dmn import hits, unary
from saga_coordinator.dmn import table as t
from saga_coordinator.dmn.hits import RANKED, Policy
from saga_coordinator.dmn.reader import Reader, Written, child, children, source_of
from saga_coordinator.dmn.unary import Anything, BadTest, OneOf, Test
from saga_coordinator.dmn.values import BadValue, Kind, plain, typed
from saga_coordinator.engine.process import Expression


def read(node: Node, decision: str, reader: Reader) -> t.Table:
    """The table; what is wrong with it becomes findings (and what is read then is of no use)."""
    inputs = tuple(_input(column, number, reader) for number, column in enumerate(children(node, "input"), 1))
    columns = list(children(node, "output"))
    outputs = tuple(_output(column, len(columns), reader) for column in columns)
    if not outputs:
        reader.findings.add(Rule.BAD_OUTPUT, node.id or decision, node.line, "the table has no output")
    policy, aggregation = _policy(node, decision, outputs, reader)
    rows = enumerate(children(node, "rule"), 1)
    rules = tuple(_rule(row, number, inputs, outputs, reader) for number, row in rows)
    return t.Table(inputs, outputs, rules, policy, aggregation)


def _input(node: Node, number: int, reader: Reader) -> t.Input:
    label = node.get("label") or node.id or f"{number}"
    holder = child(node, "inputExpression")
    if holder is None or not source_of(holder):
        reader.findings.add(Rule.BAD_EXPRESSION, node.id or "input", node.line, f"input {label} has no expression")
        return t.Input(label, t.Nothing())
    element = node.id or holder.id or "input"
    kind = reader.kind(holder.get("typeRef"), element, holder.line)
    expression = reader.expression(holder, element, f"input {label}")
    return t.Input(label, expression, kind, _allowed(child(node, "inputValues"), kind, element, reader))


def _allowed(node: Node | None, kind: Kind | None, element: str, reader: Reader) -> OneOf | None:
    if node is None or not source_of(node):
        return None
    test = _test(source_of(node), kind, element, node.line, f"{node.name}", reader)
    return test if isinstance(test, OneOf) else None


def _output(node: Node, count: int, reader: Reader) -> t.Output:
    name, element = node.get("name") or "", node.id or node.get("name") or "output"
    if count > 1 and not name:
        reader.findings.add(Rule.BAD_OUTPUT, element, node.line, "one of several outputs needs a name")
    kind = reader.kind(node.get("typeRef"), element, node.line)
    allowed = _allowed(child(node, "outputValues"), kind, element, reader)
    listed = (allowed.listed if allowed is not None else None) or ()
    default = child(node, "defaultOutputEntry")
    return t.Output(
        name or element,
        kind,
        allowed,
        tuple(plain(value) for value in listed),
        reader.entry(default, element, "the default") if default is not None else None,
    )


def _policy(node: Node, decision: str, outputs: tuple[t.Output, ...], reader: Reader) -> tuple[Policy, str]:
    def finding(message: str) -> None:
        reader.findings.add(Rule.BAD_HIT_POLICY, node.id or decision, node.line, message)

    name, aggregation = (node.get("hitPolicy") or "UNIQUE").strip(), (node.get("aggregation") or "").strip()
    if name not in set(Policy):
        finding(f"there is no hit policy {name!r}")
        return Policy.UNIQUE, ""
    policy = Policy(name)
    if aggregation and aggregation not in hits.AGGREGATIONS:
        finding(f"there is no aggregation {aggregation!r}: SUM, MIN, MAX or COUNT")
    if aggregation and policy is not Policy.COLLECT:
        finding(f"{policy} does not aggregate: {aggregation} belongs to COLLECT")
    if aggregation and len(outputs) > 1:
        finding(f"{aggregation} needs one output, and there are {len(outputs)}")
    if policy in RANKED and not any(output.ranking for output in outputs):
        finding(f"{policy} needs output values, in order of priority")
    return policy, aggregation


def _rule(
    node: Node, number: int, inputs: tuple[t.Input, ...], outputs: tuple[t.Output, ...], reader: Reader
) -> t.Rule:
    entries, results = list(children(node, "inputEntry")), list(children(node, "outputEntry"))
    for found, columns, what in ((entries, inputs, "input"), (results, outputs, "output")):
        if len(found) != len(columns):
            message = f"rule {number} has {len(found)} {what} entries for {len(columns)} columns"
            reader.findings.add(Rule.RULE_WIDTH, node.id or f"rule {number}", node.line, message)
            return t.Rule(number, (), ())
    return t.Rule(
        number,
        tuple(_cell(cell, column, number, reader) for cell, column in zip(entries, inputs, strict=True)),
        tuple(_result(cell, column, number, reader) for cell, column in zip(results, outputs, strict=True)),
    )


def _cell(node: Node, column: t.Input, number: int, reader: Reader) -> Test:
    where, language = f"rule {number}, input {column.label}", reader.spoken(node)
    element = node.id or where
    if language in {"", "feel"}:
        return _test(source_of(node), column.kind, element, node.line, where, reader)
    return t.Satisfied(reader.expression(node, element, where), where) if source_of(node) else Anything()


def _test(source: str, kind: Kind | None, element: str, line: int, where: str, reader: Reader) -> Anything | OneOf:
    try:
        return unary.read(source, kind)
    except BadTest as error:
        reader.findings.add(Rule.BAD_UNARY_TEST, element, line, f"{where}: {error}")
        return Anything()


def _result(node: Node, column: t.Output, number: int, reader: Reader) -> Expression:
    where = f"rule {number}, output {column.name}"
    element = node.id or where
    entry = reader.entry(node, element, where)
    if isinstance(entry, Written):
        _check_written(entry.value, column, element, node.line, where, reader)
    return entry


def _check_written(value: Any, column: t.Output, element: str, line: int, where: str, reader: Reader) -> None:
    try:
        found = typed(value, column.kind)
    except BadValue as error:
        reader.findings.add(Rule.BAD_OUTPUT, element, line, f"{where}: {error}")
        return
    if found is not None and column.allowed is not None and not column.allowed.holds(found, t.NOWHERE):
        reader.findings.add(
            Rule.BAD_OUTPUT, element, line, f"{where}: {value!r} is not one of the column's output values"
        )
