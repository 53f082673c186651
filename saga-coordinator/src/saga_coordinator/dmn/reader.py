"""What reading a file needs: the compiler, where findings go, and how cells in several languages become expressions."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.dmn import values
from saga_coordinator.dmn.table import Nothing
from saga_coordinator.dmn.values import TYPES, BadValue, Kind
from saga_coordinator.engine.process import Expression
from service_kit.errors import KitError

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_RESERVED = frozenset({"true", "false", "null", "and", "or", "in", "not", "if", "then", "else", "for", "return"})


class Written(msgspec.Struct, frozen=True):
    """A literal in an output cell: always the same JSON value."""

    source: str
    value: Any

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Reader:
    """`language` is the one that the file declares for whatever says nothing ("": nothing is declared). `types` are
    the file's own item definitions."""

    compile: Callable[[str], Expression]
    language: str = ""
    types: Mapping[str, Kind | None] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def spoken(self, node: Node) -> str:
        """Which language a cell is in: "" (nothing is said), "feel", "jsonata", or another's name."""
        told = (node.get("expressionLanguage") or self.language).strip()
        lower = told.lower()
        return "jsonata" if "jsonata" in lower else "feel" if "feel" in lower or "unary" in lower else told

    def expression(self, node: Node, element: str, what: str) -> Expression:
        """A cell whose value is computed: JSONata, also where no language is said. In FEEL, literals and paths are
        understood: they mean the same."""
        source, language = source_of(node), self.spoken(node)
        if language == "feel" and not _PATH.fullmatch(source) and not _is_literal(source):
            self._foreign(node, element, what, "FEEL, of which literals and paths are understood here")
        elif language == "feel" and (_is_literal(source) or source in _RESERVED):
            return self.entry(node, element, what)
        elif language not in {"", "feel", "jsonata"}:
            self._foreign(node, element, what, f"{language}, which is not spoken here")
        else:
            return self._compiled(source, node, element, what)
        return Nothing()

    def entry(self, node: Node, element: str, what: str) -> Expression:
        """An output cell: empty, a literal, or an expression."""
        source = source_of(node)
        if not source:
            return Nothing()
        if self.spoken(node) in {"", "feel"} and _is_literal(source):
            return Written(source, values.plain(values.literal(source)))
        return self.expression(node, element, what)

    def kind(self, name: str | None, element: str, line: int) -> Kind | None:
        """The type that a column or variable names; an unknown one is a finding."""
        plain = (name or "any").strip().rpartition(":")[2]
        if plain in self.types:
            return self.types[plain]
        if plain.lower() not in TYPES:
            known = "string, number, boolean, date, time, dateTime, dayTimeDuration"
            self.findings.add(
                Rule.UNKNOWN_TYPE, element, line, f"there is no type {plain!r}: {known} or an itemDefinition"
            )
        return TYPES.get(plain.lower())

    def _compiled(self, source: str, node: Node, element: str, what: str) -> Expression:
        try:
            return self.compile(source)
        except KitError as error:
            self.findings.add(Rule.BAD_EXPRESSION, element, node.line, f"{what}: {source!r}: {error}")
            return Nothing()

    def _foreign(self, node: Node, element: str, what: str, language: str) -> None:
        message = f'{what}: {source_of(node)!r} is in {language}: use JSONata (expressionLanguage="jsonata")'
        self.findings.add(Rule.BAD_EXPRESSION, element, node.line, message)


def children(node: Node, *names: str) -> Iterator[Node]:
    """Child elements of the node's own namespace."""
    return (child for child in node.children if child.namespace == node.namespace and child.name in names)


def child(node: Node, *names: str) -> Node | None:
    """The first of them."""
    return next(children(node, *names), None)


def source_of(node: Node) -> str:
    """What stands in a cell's `text`."""
    text = child(node, "text")
    return text.text if text is not None else ""


def _is_literal(source: str) -> bool:
    try:
        values.literal(source)
    except BadValue:
        return False
    return True
