"""Multi-instance and loop markers (BPMN 2.0, 10.3.8), and `tl:items`, which says what they are about."""

import re

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import LOOPS, Part
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Expression, Iteration, Loop

_STANDARD, _MULTI = LOOPS
_THROWING = {"One": "oneBehaviorEventRef", "None": "noneBehaviorEventRef"}


def read(part: Part, context: Context) -> Loop | None:
    """How often the part is done; None: once."""
    node = next(part.node.bpmn(*LOOPS), None)
    if node is None:
        for items in part.extension("items"):
            message = "tl:items belongs to an activity with a multi-instance marker"
            context.findings.add(Rule.BAD_EXTENSION, part.id, items.line, message)
        return None
    return _standard(part, node, context) if node.name == _STANDARD else _multi(part, node, context)


def _standard(part: Part, node: Node, context: Context) -> Loop:
    condition = _expression(part, node, "loopCondition", context)
    most = node.get("loopMaximum")
    if condition is None and most is None and not context.tolerant:
        context.findings.add(
            Rule.LOOP_CHARACTERISTICS, part.id, node.line, "a loop needs a loopCondition or a loopMaximum"
        )
    if most is not None and not most.strip().isdecimal():
        message = f"loopMaximum {most!r} is no number of rounds"
        context.findings.add(Rule.LOOP_CHARACTERISTICS, part.id, node.line, message)
    return Loop(
        iteration=Iteration.LOOP,
        condition=condition,
        tests_before=node.flag("testBefore"),
        most=int(most) if most is not None and most.strip().isdecimal() else None,
    )


def _multi(part: Part, node: Node, context: Context) -> Loop:
    _check_behavior(part, node, context)
    items = next(part.extension("items"), None)
    collection, item = _input(part, node, items, context)
    result, output = _output(part, node, items, context)
    cardinality = _expression(part, node, "loopCardinality", context)
    if collection is None and cardinality is None and not context.tolerant:
        message = "a multi-instance needs a loopCardinality or a collection"
        context.findings.add(Rule.LOOP_CHARACTERISTICS, part.id, node.line, message)
    return Loop(
        iteration=Iteration.SEQUENTIAL if node.flag("isSequential") else Iteration.PARALLEL,
        cardinality=cardinality,
        collection=collection,
        item=item,
        done=_expression(part, node, "completionCondition", context),
        result=result,
        output=output,
    )


def _check_behavior(part: Part, node: Node, context: Context) -> None:
    """Events that the items throw when they complete (`behavior`) are not thrown here."""
    behavior = node.get("behavior") or "All"
    complex_ = behavior == "Complex" and node.first("complexBehaviorDefinition") is not None
    if complex_ or node.get(_THROWING.get(behavior, "")):
        message = "a multi-instance that throws events when items complete (`behavior`) is not supported"
        context.findings.add(Rule.UNSUPPORTED_ELEMENT, part.id, node.line, message)


def _input(part: Part, node: Node, items: Node | None, context: Context) -> tuple[Expression | None, str]:
    """The collection and the variable of an element: of `tl:items`, else of the marker's own data references."""
    source = items.get("collection") if items is not None else None
    if items is not None and source:
        return context.expression(source, part.id, items.line), items.get("item") or ""
    reference = node.first("loopDataInputRef")
    element = node.first("inputDataItem")
    name = (element.get("name") or element.id) if element is not None else ""
    if reference is None or not reference.text:
        return None, items.get("item") or name if items is not None else name
    source = _variable(_data(part, reference.text))
    return context.expression(source, part.id, reference.line, foreign=True), name


def _output(part: Part, node: Node, items: Node | None, context: Context) -> tuple[str, Expression | None]:
    """The list of results and what each item puts into it."""
    if items is not None and items.get("result"):
        source = items.get("output") or ""
        if not source:
            context.findings.add(Rule.BAD_EXTENSION, part.id, items.line, "tl:items with a result needs an output")
        return items.get("result") or "", context.expression(source or "null", part.id, items.line)
    reference, element = node.first("loopDataOutputRef"), node.first("outputDataItem")
    if reference is None or element is None or not reference.text:
        return "", None
    name = element.get("name") or element.id
    return _data(part, reference.text), context.expression(_variable(name), part.id, element.line, foreign=True)


def _data(part: Part, reference: str) -> str:
    """A reference to data is about the variable of that name: that of the data object or property that it refers to."""
    holders = [part.node, *(part.level.node.bpmn("dataObject", "dataObjectReference", "property"))]
    found = next((node for node in holders if node.id == reference and node is not part.node), None)
    return (found.get("name") or found.id) if found is not None else reference


def _variable(name: str) -> str:
    """The expression that is the variable of that name, whatever characters other tools allow in it."""
    return name if re.fullmatch(r"[\w.$]+", name) or "`" in name else f"`{name}`"


def _expression(part: Part, node: Node, name: str, context: Context) -> Expression | None:
    found = node.first(name)
    if found is None or not found.text:
        return None
    language = found.get("language") or ""
    if language and "jsonata" not in language.lower():
        return context.foreign(found.text, language, part.id, found.line)
    return context.expression(found.text, part.id, found.line, foreign=True)
