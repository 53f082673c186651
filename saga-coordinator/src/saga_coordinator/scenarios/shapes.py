"""One shape of a BPMN diagram as SVG: its outline, its marks and its name."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import NamedTuple

from saga_coordinator.bpmn.diagram import FLOW_NODES
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.scenarios import marks

_TEXT = 'stroke="none" fill="#1f2328"'
_LINE = 13


class Box(NamedTuple):
    """Where a shape is: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2


class Ink(NamedTuple):
    """The colours of a shape: of its line and of its inside."""

    line: str
    fill: str


class Shape(NamedTuple):
    """A flow node (or what is none: a pool, a lane, data, a note) in its box; `expanded`: its inside is drawn;
    `label`: where the file says that its name stands."""

    node: Node
    box: Box
    expanded: bool
    label: Box | None = None


def depth(shape: Shape) -> tuple[int, float]:
    """The order of drawing: what surrounds comes before what is inside, boundary events come last."""
    if shape.node.name == "boundaryEvent":
        return 3, 0
    if shape.node.name not in FLOW_NODES:
        return 0, 0
    return (1, -shape.box.width * shape.box.height) if shape.expanded else (2, 0)


def drawn(shape: Shape, ink: Ink, badge: str = "") -> Iterator[str]:
    """The shape as SVG elements; `badge`: a few letters at its upper right corner."""
    node, box = shape.node, shape.box
    name = node.get("name") or ""
    if node.name not in FLOW_NODES:
        yield f'<rect {_place(box)} stroke="{ink.line}" fill="none"/>'
        yield from _beside_the_flow(node, box, name)
        return
    yield f'<g data-element="{escape(node.id)}" color="{ink.line}" stroke="currentColor" fill="{ink.fill}">'
    yield f"<title>{escape(name or node.id)}</title>"
    if node.name.endswith("Event"):
        yield from _event(node, box)
    elif node.name.endswith("Gateway"):
        yield from _gateway(node, box)
    else:
        yield from _activity(shape)
    yield from _name(shape, name)
    yield from _badge(box, badge)
    yield "</g>"


def _beside_the_flow(node: Node, box: Box, name: str) -> Iterator[str]:
    """The name of a pool or lane, upwards at its left side; the text of a note."""
    x, y = box.middle
    if node.name in {"participant", "lane"}:
        yield f'<g transform="rotate(-90 {box.x + 19:g} {y:g})">{_text(box.x + 19, y, name)}</g>'
    elif node.name == "textAnnotation":
        words = node.first("text")
        lines = list(_wrapped(words.text if words is not None else "", max(8, int(box.width / 6))))
        yield from _lines(x, y - _LINE / 2 * (len(lines) - 1) + 4, lines)
    else:
        yield _text(x, box.y + box.height + 14, name)


def _place(box: Box) -> str:
    return f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'


def _event(node: Node, box: Box) -> Iterator[str]:
    x, y = box.middle
    radius = box.width / 2
    attached = not node.flag("cancelActivity", True) or not node.flag("isInterrupting", True)
    dashes = ' stroke-dasharray="4 3"' if attached else ""
    thick = 3 if node.name == "endEvent" else 1
    yield f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" stroke-width="{thick}"{dashes}/>'
    if node.name in {"boundaryEvent", "intermediateCatchEvent", "intermediateThrowEvent"}:
        yield f'<circle cx="{x:g}" cy="{y:g}" r="{radius - 3:g}"{dashes}/>'
    yield from marks.event(node, x, y)


def _gateway(node: Node, box: Box) -> Iterator[str]:
    x, y = box.middle
    yield (
        f'<polygon points="{x:g},{box.y:g} {box.x + box.width:g},{y:g} {x:g},{box.y + box.height:g} {box.x:g},{y:g}"/>'
    )
    yield from marks.gateway(node, x, y)


def _activity(shape: Shape) -> Iterator[str]:
    node, box = shape.node, shape.box
    dashes = ' stroke-dasharray="2 4"' if node.flag("triggeredByEvent") else ""
    thick = 3 if node.name == "callActivity" else 1
    fill = ' fill="#ffffff"' if shape.expanded else ""
    yield f'<rect {_place(box)} rx="8" stroke-width="{thick}"{dashes}{fill}/>'
    if node.name == "transaction":
        yield f'<rect {_place(Box(box.x + 4, box.y + 4, box.width - 8, box.height - 8))} rx="5" fill="none"/>'
    yield from marks.task(node, box.x, box.y)
    yield from marks.markers(node, box.middle[0], box.y + box.height)


def _name(shape: Shape, name: str) -> Iterator[str]:
    node, box = shape.node, shape.box
    x = box.middle[0]
    if not node.name.endswith(("Event", "Gateway")):
        yield from _activity_name(shape, name)
    elif shape.label is not None:
        yield from _lines(shape.label.middle[0], shape.label.y + 10, _wrapped(name, max(8, int(shape.label.width / 5))))
    elif node.name == "boundaryEvent":
        yield _text(box.x + box.width + 1, box.y + box.height + 2, name, "start")
    elif node.name.endswith("Event"):
        yield _text(x, box.y + box.height + 14, name)
    else:
        yield _text(x - 8, box.y + 4, name, "end")


def _activity_name(shape: Shape, name: str) -> Iterator[str]:
    box = shape.box
    x, y = box.middle
    if shape.expanded:
        yield _text(box.x + 12, box.y + 19, name, "start")
    else:
        lines = list(_wrapped(name, max(8, int(box.width / 6))))
        yield from _lines(x, y - _LINE / 2 * (len(lines) - 1) + 4, lines)


def _lines(x: float, y: float, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield _text(x, y + _LINE * number, line)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {_TEXT}>{escape(text)}</text>' if text else ""


def _badge(box: Box, badge: str) -> Iterator[str]:
    if badge:
        x, y = box.x + box.width - 4, box.y + 2
        yield f'<circle cx="{x:g}" cy="{y:g}" r="9" fill="currentColor"/>'
        yield f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" stroke="none" fill="#ffffff">{escape(badge)}</text>'


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line
