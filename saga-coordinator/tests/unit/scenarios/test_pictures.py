from saga_coordinator.bpmn import xmltree
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Kind, Trigger
from saga_coordinator.scenarios import marks
from saga_coordinator.scenarios.picture import GREEN, GREY, paint
from saga_coordinator.scenarios.shapes import Ink
from saga_coordinator.testing.files import around, process

DRAWN = """
<BPMNShape bpmnElement="P" isExpanded="true"><Bounds x="0" y="0" width="300" height="200"/></BPMNShape>
<BPMNShape bpmnElement="late"><Bounds x="80" y="180" width="36" height="36"/>
  <BPMNLabel><Bounds x="120" y="220" width="60" height="14"/></BPMNLabel></BPMNShape>
<BPMNShape bpmnElement="a"><Bounds x="100" y="60" width="100" height="80"/></BPMNShape>
<BPMNEdge bpmnElement="start-P"><waypoint x="-60" y="100"/><waypoint x="0" y="100"/></BPMNEdge>"""
PROCESS = around(
    '<subProcess id="P" name="Inside"><userTask id="a" name="Do it"/></subProcess>'
    '<boundaryEvent id="late" name="1 h" attachedToRef="P" cancelActivity="false"><timerEventDefinition/>'
    "</boundaryEvent>",
    "P",
).replace(b"</definitions>", DRAWN.encode() + b"</definitions>")


def painted(ink: Ink = GREY, **badges: str) -> Node:
    svg = paint(PROCESS, lambda _: ink, badges)
    assert svg is not None
    return xmltree.read(svg.encode())


def group(svg: Node, id_: str) -> Node:
    return next(each for each in svg.walk() if each.name == "g" and each.get("data-element") == id_)


def named(node: Node, name: str) -> list[Node]:
    return [child for child in node.children if child.name == name]


def test_every_event_gateway_and_task_that_the_engine_runs_has_its_mark() -> None:
    triggers = {trigger.value for trigger in Trigger} - {"none"}
    gateways = {kind.value for kind in Kind if kind.value.endswith("Gateway")}
    tasks = {kind.value for kind in Kind if kind.value.endswith("Task")}

    assert triggers == set(marks.EVENTS)
    assert gateways == set(marks.GATEWAYS)
    assert tasks == set(marks.TASKS)


def test_what_surrounds_is_drawn_before_what_is_inside_and_on_its_border() -> None:
    groups = [each.get("data-element") for each in named(painted(), "g")]

    assert groups == ["P", "a", "late"]


def test_an_event_that_does_not_interrupt_is_dashed_and_its_name_stands_where_the_file_says() -> None:
    late = group(painted(), "late")

    assert [circle.get("stroke-dasharray") for circle in named(late, "circle")] == ["4 3", "4 3"]
    (name,) = named(late, "text")
    assert (name.text, name.get("x"), name.get("y")) == ("1 h", "150", "230")


def test_inks_and_badges_go_to_the_elements_that_they_are_for() -> None:
    activity = group(painted(GREEN, a="2"), "a")

    assert (activity.get("color"), activity.get("fill")) == GREEN
    assert [text.text for text in named(activity, "text")] == ["Do it", "2"]


def test_the_picture_has_room_for_flows_that_go_beyond_the_shapes() -> None:
    assert painted().get("viewBox") == "-80 -20 400 256"


def test_notes_are_written_and_lanes_named() -> None:
    xml = process(
        '<laneSet><lane id="l" name="Warehouse"/></laneSet><task id="a"/>'
        '<textAnnotation id="n"><text>Mind the gap</text></textAnnotation>'
    )
    di = "".join(
        f'<BPMNShape bpmnElement="{id_}"><Bounds x="0" y="0" width="200" height="60"/></BPMNShape>' for id_ in "lan"
    )
    svg = paint(xml.replace(b"</definitions>", f"{di}</definitions>".encode()), lambda _: GREY)

    assert svg is not None
    assert '<g transform="rotate(-90 19 30)"><text' in svg
    assert ">Warehouse</text>" in svg
    assert ">Mind the gap</text>" in svg


def test_a_file_without_a_diagram_has_no_picture() -> None:
    assert paint(around('<task id="a"/>', "a"), lambda _: GREY) is None
