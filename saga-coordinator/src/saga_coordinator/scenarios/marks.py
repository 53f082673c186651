"""The marks inside flow nodes by which BPMN's notation tells their kinds apart (BPMN 2.0, 7.3 and 13.1)."""

from collections.abc import Iterator

from saga_coordinator.bpmn.xmltree import Node

# Outlines around (0, 0), at most 18 wide.
_ENVELOPE = "M-8-5.5H8V5.5H-8ZM-8-5.5L0 1L8-5.5"
_CIRCLE = "M-8 0A8 8 0 1 1 8 0A8 8 0 1 1 -8 0Z"
EVENTS = {
    "message": _ENVELOPE,
    "timer": f"{_CIRCLE}M0-5.5V0L3.5 3M0-8V-6.5M8 0H6.5M0 8V6.5M-8 0H-6.5",
    "error": "M-8 7L-3.5-6L3 2L8-7L4.5 6.5L-2-1.5Z",
    "escalation": "M0-8L6 7L0 1.5L-6 7Z",
    "cancel": "M-7-4.5L-4.5-7L0-2.5L4.5-7L7-4.5L2.5 0L7 4.5L4.5 7L0 2.5L-4.5 7L-7 4.5L-2.5 0Z",
    "compensate": "M-9 0L-1-6V6ZM-1 0L7-6V6Z",
    "signal": "M0-7.5L7.5 5.5H-7.5Z",
    "conditional": "M-6-8H6V8H-6ZM-4-4.5H4M-4-1.5H4M-4 1.5H4M-4 4.5H4",
    "link": "M-8-3H1V-6.5L8 0L1 6.5V3H-8Z",
    "terminate": _CIRCLE,
}
GATEWAYS = {
    "exclusiveGateway": "M-6-7L6 7M6-7L-6 7",
    "parallelGateway": "M-9 0H9M0-9V9",
    "inclusiveGateway": "M-9 0A9 9 0 1 1 9 0A9 9 0 1 1 -9 0Z",
    "eventBasedGateway": f"{_CIRCLE}M0-5L4.8-1.5L3 4H-3L-4.8-1.5Z",
}
TASKS = {
    "userTask": "M-3-4A3 3 0 1 1 3-4A3 3 0 1 1 -3-4ZM-6.5 6V3.5C-6.5 0 6.5 0 6.5 3.5V6Z",
    "serviceTask": "M-6 0A6 6 0 1 1 6 0A6 6 0 1 1 -6 0ZM-2 0A2 2 0 1 1 2 0A2 2 0 1 1 -2 0Z"
    "M0-8V-6M0 6V8M-8 0H-6M6 0H8M-5.6-5.6L-4.3-4.3M5.6 5.6L4.3 4.3M-5.6 5.6L-4.3 4.3M5.6-5.6L4.3-4.3",
    "sendTask": _ENVELOPE,
    "receiveTask": _ENVELOPE,
    "scriptTask": "M-4-7H6C2-3 8 3 4 7H-6C-2 3-8-3-4-7ZM-3-3H3M-2 0H4M-1 3H4",
    "businessRuleTask": "M-8-6H8V6H-8ZM-8-2.5H8M-8 1.8H8M-3-2.5V6",
    "manualTask": "M-7-1L-2-6L-1-4L-3.5-2H7V0H0H6V2H0H5V4H-4L-7 3Z",
}
MARKERS = {
    "parallel": "M-5-6V6M0-6V6M5-6V6",
    "sequential": "M-6-5H6M-6 0H6M-6 5H6",
    "loop": "M3 6A6 6 0 1 0 -3 6M-3 6L-7 5.5M-3 6L-4 2",
    "compensation": EVENTS["compensate"],
}


_DEFINITION = "EventDefinition"
_THROWING = {"endEvent", "intermediateThrowEvent"}


def event(node: Node, x: float, y: float) -> Iterator[str]:
    """What an event around (x, y) is about: solid where it throws."""
    definitions = (child.name.removesuffix(_DEFINITION) for child in node.bpmn() if child.name.endswith(_DEFINITION))
    outline = EVENTS.get(next(definitions, ""))
    if outline is not None:
        yield _mark(outline, x, y, solid=node.name in _THROWING)


def gateway(node: Node, x: float, y: float) -> Iterator[str]:
    """How a gateway around (x, y) splits and joins."""
    if node.name in GATEWAYS:
        yield _mark(GATEWAYS[node.name], x, y)


def task(node: Node, left: float, top: float) -> Iterator[str]:
    """Who does a task: in its upper left corner."""
    if node.name in TASKS:
        yield _mark(TASKS[node.name], left + 13, top + 13, solid=node.name == "sendTask")


def markers(node: Node, x: float, bottom: float) -> Iterator[str]:
    """How often an activity is done, and that it undoes: at the middle of its lower border."""
    found = list(_markers(node))
    for number, outline in enumerate(found):
        yield _mark(outline, x + 20 * (number - (len(found) - 1) / 2), bottom - 11)


def _markers(node: Node) -> Iterator[str]:
    if node.first("standardLoopCharacteristics") is not None:
        yield MARKERS["loop"]
    several = node.first("multiInstanceLoopCharacteristics")
    if several is not None:
        yield MARKERS["sequential" if several.flag("isSequential") else "parallel"]
    if node.flag("isForCompensation"):
        yield MARKERS["compensation"]


def _mark(outline: str, x: float, y: float, *, solid: bool = False) -> str:
    fill = "currentColor" if solid else "none"
    return f'<path transform="translate({x:g} {y:g})" d="{outline}" fill="{fill}"/>'
