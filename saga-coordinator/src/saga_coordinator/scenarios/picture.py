"""A BPMN diagram as SVG, coloured by coverage: green was reached, red was not, grey is not executed."""

from collections.abc import Iterator
from html import escape

from saga_coordinator.bpmn import xmltree
from saga_coordinator.bpmn.diagram import FLOW_NODES
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.scenarios.coverage import Coverage

_GREEN, _RED, _GREY = ("#1a7f37", "#dafbe1"), ("#cf222e", "#ffebe9"), ("#8c959f", "#ffffff")
_MARGIN = 20


def draw(xml: bytes, coverage: Coverage) -> str | None:
    """The diagram as an SVG document; None for a file without one. Raises `MalformedXml`."""
    root = xmltree.read(xml)
    nodes = {node.id: node for node in root.walk() if node.id}
    shapes = [node for node in root.walk() if node.name == "BPMNShape"]
    edges = [node for node in root.walk() if node.name == "BPMNEdge"]
    if not shapes:
        return None
    body = [*_shapes(shapes, nodes, coverage), *_edges(edges, nodes, coverage)]
    boxes = [_bounds(shape) for shape in shapes]
    left, top = min(box[0] for box in boxes) - _MARGIN, min(box[1] for box in boxes) - _MARGIN
    width = max(box[0] + box[2] for box in boxes) + _MARGIN - left
    height = max(box[1] + box[3] for box in boxes) + _MARGIN - top
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11">\n<defs><marker id="arrow" viewBox="0 0 10 10" '
        'refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _colours(id_: str, coverage: Coverage) -> tuple[str, str]:
    if id_ in coverage.reached:
        return _GREEN
    return _RED if id_ in coverage.elements or id_ in coverage.flows else _GREY


def _shapes(shapes: list[Node], nodes: dict[str, Node], coverage: Coverage) -> Iterator[str]:
    for shape in shapes:
        id_ = shape.get("bpmnElement") or ""
        node = nodes.get(id_)
        if node is None:
            continue
        line, fill = _colours(id_, coverage)
        name, x, y, width, height = node.get("name") or "", *_bounds(shape)
        style = f'stroke="{line}" fill="{fill}"'
        if node.name not in FLOW_NODES:
            yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" stroke="{line}" fill="none"/>'
            continue
        yield f'<g data-element="{escape(id_)}"><title>{escape(name or id_)}</title>'
        yield _outline(node, x, y, width, height, style)
        yield from _label(node, name, x, y, width, height)
        yield "</g>"


def _outline(node: Node, x: float, y: float, width: float, height: float, style: str) -> str:
    middle_x, middle_y = x + width / 2, y + height / 2
    if node.name.endswith("Event"):
        thick = 3 if node.name == "endEvent" else 1
        return f'<circle cx="{middle_x}" cy="{middle_y}" r="{width / 2}" stroke-width="{thick}" {style}/>'
    if node.name.endswith("Gateway"):
        points = f"{middle_x},{y} {x + width},{middle_y} {middle_x},{y + height} {x},{middle_y}"
        return f'<polygon points="{points}" {style}/>'
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" {style}/>'


def _label(node: Node, name: str, x: float, y: float, width: float, height: float) -> Iterator[str]:
    inside = not node.name.endswith(("Event", "Gateway"))
    lines = list(_wrapped(name, max(8, int(width / 6))) if inside else [name])
    top = y + height / 2 - 6 * (len(lines) - 1) + 4 if inside else y + height + 14
    for number, text in enumerate(lines):
        if text:
            yield f'<text x="{x + width / 2}" y="{top + 13 * number}" text-anchor="middle">{escape(text)}</text>'


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _edges(edges: list[Node], nodes: dict[str, Node], coverage: Coverage) -> Iterator[str]:
    for edge in edges:
        id_ = edge.get("bpmnElement") or ""
        points = " ".join(f"{p.get('x')},{p.get('y')}" for p in edge.children if p.name == "waypoint")
        if id_ not in nodes or not points:
            continue
        line, _ = _colours(id_, coverage)
        plain = nodes[id_].name != "sequenceFlow"
        end = 'stroke-dasharray="3 3"' if plain else 'marker-end="url(#arrow)"'
        yield f'<polyline data-element="{escape(id_)}" points="{escape(points)}" fill="none" stroke="{line}" {end}/>'


def _bounds(shape: Node) -> tuple[float, float, float, float]:
    box = next((child for child in shape.children if child.name == "Bounds"), None)
    values = [float((box.get(name) if box is not None else None) or 0) for name in ("x", "y", "width", "height")]
    return values[0], values[1], values[2], values[3]
