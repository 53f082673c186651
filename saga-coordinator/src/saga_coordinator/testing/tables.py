"""Small DMN files for tests."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

NAMESPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"
Row = Sequence[str]


def file(*decisions: str, attributes: str = "", namespace: str = NAMESPACE) -> bytes:
    """A file with these decisions (whole elements)."""
    inside = "\n".join(decisions)
    return f'<definitions xmlns="{namespace}" id="definitions" {attributes}>\n{inside}\n</definitions>'.encode()


def decision(id_: str, logic: str, *requires: str, name: str = "") -> str:
    """A decision that requires others of the same file."""
    needs = "".join(
        f'<informationRequirement><requiredDecision href="#{other}"/></informationRequirement>' for other in requires
    )
    return f'<decision id="{id_}" name="{name or id_}">{needs}\n{logic}</decision>'


def formula(source: str, attributes: str = "") -> str:
    """A literal expression."""
    return f"<literalExpression {attributes}><text>{escape(source)}</text></literalExpression>"


def table(inputs: Sequence[str], outputs: Sequence[str], rows: Sequence[Row], attributes: str = "") -> str:
    """A decision table. A column is written `expression`, or `name`, with `: type` behind it and `| values` behind
    that; a cell that begins with `=` is JSONata."""
    columns = [*(_input(column) for column in inputs), *(_output(column) for column in outputs)]
    rules = [_rule(row, len(inputs)) for row in rows]
    return "\n".join([f"<decisionTable {attributes}>", *columns, *rules, "</decisionTable>"])


def _parts(column: str) -> tuple[str, str, str]:
    head, _, allowed = column.partition("|")
    name, _, kind = head.partition(":")
    return name.strip(), f'typeRef="{kind.strip()}"' if kind.strip() else "", escape(allowed.strip())


def _input(column: str) -> str:
    source, kind, allowed = _parts(column)
    values = f"<inputValues><text>{allowed}</text></inputValues>" if allowed else ""
    expression = f"<inputExpression {kind}><text>{escape(source)}</text></inputExpression>"
    return f'<input label="{escape(source)}">{expression}{values}</input>'


def _output(column: str) -> str:
    name, kind, allowed = _parts(column)
    values = f"<outputValues><text>{allowed}</text></outputValues>" if allowed else ""
    return f'<output name="{name}" {kind}>{values}</output>'


def _rule(row: Row, inputs: int) -> str:
    cells = (_cell("inputEntry" if place < inputs else "outputEntry", text) for place, text in enumerate(row))
    return f"<rule>{''.join(cells)}</rule>"


def _cell(name: str, text: str) -> str:
    language = ' expressionLanguage="jsonata"' if text.startswith("=") else ""
    return f"<{name}{language}><text>{escape(text.removeprefix('='))}</text></{name}>"
