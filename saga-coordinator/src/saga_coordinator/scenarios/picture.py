"""A BPMN diagram as SVG, coloured by coverage: green was reached, red was not, grey is not executed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape

from saga_coordinator.bpmn import xmltree
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.scenarios.coverage import Coverage
from saga_coordinator.scenarios.shapes import Box, Ink, Shape, depth, drawn

GREEN, RED, GREY = Ink("#1a7f37", "#dafbe1"), Ink("#cf222e", "#ffebe9"), Ink("#8c959f", "#ffffff")
_MARGIN = 20
_Point = tuple[float, float]


def draw(xml: bytes, coverage: Coverage) -> str | None:
    """The diagram as an SVG document; None for a file without one. Raises `MalformedXml`."""

    def ink(id_: str) -> Ink:
        if id_ in coverage.reached:
            return GREEN
        return RED if id_ in coverage.elements or id_ in coverage.flows else GREY

    return paint(xml, ink)


def paint(xml: bytes, ink: Callable[[str], Ink], badges: Mapping[str, str] | None = None) -> str | None:
    """The diagram as an SVG document, each element (by id) in its ink and with its badge; None for a file without a
    diagram. Raises `MalformedXml`."""
    root = xmltree.read(xml)
    nodes = {node.id: node for node in root.walk() if node.id}
    shapes = sorted(_shapes(root, nodes), key=depth)
    if not shapes:
        return None
    edges = list(_edges(root, nodes))
    lines = [
        *(line for shape in shapes for line in drawn(shape, ink(shape.node.id), (badges or {}).get(shape.node.id, ""))),
        *(line for node, points in edges for line in _edge(node, points, ink(node.id))),
    ]
    return _document(_frame(shapes, edges), lines)


def _shapes(root: Node, nodes: Mapping[str, Node]) -> Iterator[Shape]:
    for shape in root.walk():
        node = nodes.get(shape.get("bpmnElement") or "") if shape.name == "BPMNShape" else None
        if node is not None:
            inside = node.name in {"subProcess", "transaction", "adHocSubProcess"}
            label = next((child for child in shape.children if child.name == "BPMNLabel" and child.children), None)
            expanded = inside and shape.flag("isExpanded", True)
            yield Shape(node, _box(shape), expanded, _box(label) if label is not None else None)


def _box(shape: Node) -> Box:
    box = next((child for child in shape.children if child.name == "Bounds"), None)
    return Box(*(float((box.get(name) if box is not None else None) or 0) for name in ("x", "y", "width", "height")))


def _edges(root: Node, nodes: Mapping[str, Node]) -> Iterator[tuple[Node, list[_Point]]]:
    for edge in root.walk():
        node = nodes.get(edge.get("bpmnElement") or "") if edge.name == "BPMNEdge" else None
        points = [
            (float(p.get("x") or 0), float(p.get("y") or 0)) for p in edge.children if p.name.lower() == "waypoint"
        ]
        if node is not None and points:
            yield node, points


def _edge(node: Node, points: list[_Point], ink: Ink) -> Iterator[str]:
    way = " ".join(f"{x:g},{y:g}" for x, y in points)
    end = 'marker-end="url(#arrow)"' if node.name == "sequenceFlow" else 'stroke-dasharray="3 3"'
    yield (
        f'<polyline data-element="{escape(node.id)}" points="{way}" color="{ink.line}" stroke="currentColor" '
        f'fill="none" {end}/>'
    )
    name = node.get("name")
    if name and len(points) > 1:
        x, y = _beside(points[0], points[1])
        yield f'<text x="{x:g}" y="{y:g}" fill="#1f2328">{escape(name)}</text>'


def _beside(begin: _Point, end: _Point) -> _Point:
    """Where a flow's name begins: above a first piece that is level, else right of it."""
    if begin[0] != end[0]:
        return begin[0] + 4, begin[1] - 5
    return begin[0] + 5, begin[1] + (14 if end[1] > begin[1] else -6)


def _frame(shapes: Iterable[Shape], edges: Iterable[tuple[Node, list[_Point]]]) -> Box:
    boxes = [shape.box for shape in shapes]
    points = [point for _, way in edges for point in way]
    left = min([box.x for box in boxes] + [x for x, _ in points]) - _MARGIN
    top = min([box.y for box in boxes] + [y for _, y in points]) - _MARGIN
    right = max([box.x + box.width for box in boxes] + [x for x, _ in points]) + _MARGIN
    bottom = max([box.y + box.height for box in boxes] + [y for _, y in points]) + _MARGIN
    return Box(left, top, right - left, bottom - top)


def _document(frame: Box, lines: Iterable[str]) -> str:
    x, y, width, height = frame
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x:g} {y:g} {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif" font-size="11">\n<defs><marker id="arrow" viewBox="0 0 10 10" '
        'refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="#57606a"/>'
        f'</marker></defs>\n<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="#ffffff"/>\n'
        + "\n".join(line for line in lines if line)
        + "\n</svg>\n"
    )
