from collections.abc import Callable

import pytest

from saga_coordinator import bpmn
from saga_coordinator.bpmn.expressions import Foreign
from saga_coordinator.engine.process import Kind, Process, StepClass, Trigger
from saga_coordinator.testing.files import HERE, around, chain, file, flow, line_of, process, service
from service_kit import expressions
from service_kit.catalogue import Catalogue

Lint = Callable[[bytes], list[bpmn.Finding]]


def parse(xml: bytes, catalogue: Catalogue | None = None, process_id: str | None = None) -> Process:
    return bpmn.parse(
        xml, catalogue=catalogue, compile=expressions.compile, process_id=process_id, tolerant=catalogue is None
    )


# -- what the model gets


def test_a_service_task_gets_what_the_catalogue_says_of_its_operation(catalogue: Catalogue) -> None:
    # given
    inside = (
        '<tl:input target="order.id" source="id"/><tl:output target="." source="$"/>'
        '<tl:retry attempts="5" first="PT2S" max="PT1M" factor="3"/>'
    )

    # when
    task = (
        parse(around(service("a", "erp.post-invoice", 'tl:timeout="PT10S"', inside), "a"), catalogue).elements["a"].task
    )

    # then
    assert task is not None
    operation = task.operation
    assert operation is not None
    assert (operation.name, operation.system, operation.probe) == ("erp.post-invoice", "erp", True)
    assert (operation.timeout, operation.settle, task.timeout) == (20_000, 5_000, 10_000)
    assert not operation.safe_to_repeat
    assert [(m.target, m.source.source) for m in task.inputs] == [("order.id", "id")]
    assert [(m.target, m.source.source) for m in task.outputs] == [("", "$")]
    assert (task.retry.attempts, task.retry.first, task.retry.ceiling, task.retry.factor) == (5, 2_000, 60_000, 3.0)


@pytest.mark.parametrize(
    ("operation", "attributes", "expected"),
    [
        ("erp.read-order", "", StepClass.READ),
        ("erp.create-order", "", StepClass.COMPENSATABLE),
        ("erp.create-order", 'tl:class="pivot"', StepClass.PIVOT),
        ("crm.set-status", "", StepClass.COMPENSATABLE),
    ],
)
def test_the_step_class_follows_from_the_effect(
    catalogue: Catalogue, operation: str, attributes: str, expected: StepClass
) -> None:
    task = parse(around(service("a", operation, attributes), "a"), catalogue).elements["a"].task
    assert task is not None
    assert task.step_class is expected


def test_a_lock_has_a_key_and_a_patience(catalogue: Catalogue) -> None:
    inside = """<tl:lock key="'so:' &amp; order.number" patience="PT5M"/>"""

    task = parse(around(service("a", inside=inside), "a"), catalogue).elements["a"].task

    assert task is not None
    assert task.lock is not None
    assert (task.lock.key.source, task.lock.patience) == ("'so:' & order.number", 300_000)


def test_the_declared_undo_is_used_unless_the_task_names_another(catalogue: Catalogue) -> None:
    # given
    lost = '<tl:input target="status" source="\'lost\'"/>'
    own = f'<tl:undo operation="crm.set-status" never="LOST NOT_SET">{lost}</tl:undo>'

    # when
    declared = parse(around(service("a", "erp.create-order"), "a"), catalogue).elements["a"].task
    named = parse(around(service("a", "erp.create-order", inside=own), "a"), catalogue).elements["a"].task

    # then
    assert declared is not None
    assert declared.undo is not None
    assert declared.undo.operation.name == "erp.cancel-order"
    assert declared.undo.input is not None
    assert declared.undo.never == ("GONE",)
    assert named is not None
    assert named.undo is not None
    assert (named.undo.operation.name, named.undo.operation.system) == ("crm.set-status", "crm")
    assert [m.target for m in named.undo.inputs] == ["status"]
    assert named.undo.never == ("LOST", "NOT_SET")


def test_a_message_start_event_has_a_key_a_condition_and_outputs(catalogue: Catalogue) -> None:
    # given
    xml = process(
        '<extensionElements><tl:businessKey expression="order.id" policy="queue" scope="ever"/></extensionElements>'
        '<startEvent id="start"><extensionElements><tl:start key="id" condition="ok"/>'
        '<tl:output target="order" source="$"/></extensionElements><messageEventDefinition messageRef="m1"/>'
        f'</startEvent><endEvent id="end"/>{flow("start", "end")}'
    )

    # when
    read = parse(xml, catalogue)

    # then
    event, task = read.elements["start"].event, read.elements["start"].task
    assert event is not None
    assert (event.trigger, event.name) == (Trigger.MESSAGE, "goods.arrived")
    assert event.correlation is not None
    assert event.condition is not None
    assert task is not None
    assert [m.target for m in task.outputs] == ["order"]
    assert (read.business_key.policy, read.business_key.scope) == ("queue", "ever")


def test_a_drawn_handler_is_found_by_its_association() -> None:
    xml = around(
        '<task id="a"/><boundaryEvent id="b" attachedToRef="a"><compensateEventDefinition/></boundaryEvent>'
        '<task id="undo" isForCompensation="true"/><association id="x" sourceRef="b" targetRef="undo"/>',
        "a",
    )
    read = parse(xml)
    assert (read.elements["a"].handler, read.elements["a"].boundary) == ("undo", ("b",))
    assert read.elements["undo"].is_for_compensation
    assert read.body.starts == ("start",)


def test_sub_processes_nest_and_parts_keep_file_order() -> None:
    inner = f'<startEvent id="is"/><task id="t"/>{chain("is", "t")}'
    read = parse(around(f'<subProcess id="s">{inner}</subProcess><task id="a"/>', "a", "s"))
    body = read.elements["s"].body
    assert body is not None
    assert (body.elements, body.starts, read.elements["t"].parent) == (("is", "t"), ("is",), "s")
    assert read.body.elements == ("start", "s", "a", "end")
    assert read.elements["t"].outgoing == ()


def test_a_flow_without_an_id_is_named_by_its_ends() -> None:
    read = parse(LEGAL["flows without ids"])
    assert list(read.flows) == ["start->a", "a->end", "a->end#2"]


def test_a_diagram_that_is_not_for_execution_is_read_without_what_only_execution_needs(lint_tolerantly: Lint) -> None:
    body = (
        '<startEvent id="start"/><intermediateCatchEvent id="t"><timerEventDefinition/></intermediateCatchEvent>'
        '<endEvent id="end"><errorEventDefinition/></endEvent>' + chain("start", "t", "end")
    )
    assert lint_tolerantly(process(body, attributes='isExecutable="false"')) == []
    assert {f.rule for f in lint_tolerantly(process(body))} == {"missing-timer", "missing-error-code"}


def test_links_meet_by_name_or_by_reference() -> None:
    # given
    def linked(throw: str, catch: str) -> bytes:
        return process(
            f'<startEvent id="start"/><intermediateThrowEvent id="t">{throw}</intermediateThrowEvent>'
            f'<intermediateCatchEvent id="c">{catch}</intermediateCatchEvent><endEvent id="end"/>'
            + flow("start", "t")
            + flow("c", "end")
        )

    by_name = '<linkEventDefinition name="L"/>'
    there = '<linkEventDefinition id="d1" name="there"><target>d2</target></linkEventDefinition>'

    # then
    for xml in (linked(by_name, by_name), linked(there, '<linkEventDefinition id="d2" name="here"/>')):
        thrown = parse(xml).elements["t"].event
        assert thrown is not None
        assert thrown.target == "c"


def test_without_a_start_event_everything_that_nothing_leads_to_begins() -> None:
    read = parse(process(f'<task id="a"/><task id="b"/><parallelGateway id="g"/>{flow("a", "g")}{flow("b", "g")}'))
    assert read.body.starts == ("a", "b")


def test_several_processes_need_a_choice(lint: Lint) -> None:
    # given
    def of(name: str, executable: str = "true") -> str:
        return (
            f'<process id="{name}" isExecutable="{executable}"><startEvent id="{name}1"/><endEvent id="{name}2"/>'
            f"{flow(name + '1', name + '2')}</process>"
        )

    # then
    assert [f.rule for f in lint(file(of("p"), of("q")))] == ["ambiguous-process"]
    assert parse(file(of("p"), of("q")), process_id="q").id == "q"
    assert parse(file(of("p", "false"), of("q"))).id == "q"
    assert lint(file(of("p"), of("q", "false"))) == []
    assert bpmn.process_ids(file(of("p", "false"), of("q"))) == ["q", "p"]
    with pytest.raises(bpmn.Refused, match="unknown-process"):
        parse(file(of("p")), process_id="x")


# -- legal files


LEGAL = {
    "sequence": around('<task id="a"/><manualTask id="b"/>', "a", "b"),
    "no end event": process('<startEvent id="start"/><task id="a"/>' + flow("start", "a")),
    "no events at all": process('<task id="a"/><task id="b"/>' + flow("a", "b")),
    "two start events": process(
        '<startEvent id="start"/><startEvent id="t"><timerEventDefinition><timeCycle>R/PT1H</timeCycle>'
        '</timerEventDefinition></startEvent><endEvent id="end"/>' + flow("start", "end") + flow("t", "end")
    ),
    "a task with several flows in and out, and a loop": process(
        '<startEvent id="start"/><task id="a"/><task id="b"/><endEvent id="end"/>'
        + chain("start", "a", "b", "end")
        + flow("b", "a", "<conditionExpression>x</conditionExpression>")
    ),
    "an empty sub-process": around('<subProcess id="s"/>', "s"),
    "a sub-process without events": around('<subProcess id="s"><task id="t"/><task id="u"/></subProcess>', "s"),
    "documentation everywhere": process(
        "<documentation>x</documentation>"
        '<laneSet id="ls"><lane id="l"><flowNodeRef>start</flowNodeRef></lane></laneSet>'
        '<dataObject id="d"/><dataObjectReference id="dr" dataObjectRef="d"/><textAnnotation id="ta"><text>t</text>'
        '</textAnnotation><association id="as" sourceRef="start" targetRef="ta"/><group id="gr"/>'
        '<startEvent id="start"><outgoing>start-end</outgoing></startEvent><endEvent id="end"/>' + flow("start", "end"),
        root='<collaboration id="c"><participant id="pool" processRef="p"/><participant id="other"/>'
        '<messageFlow id="mf" sourceRef="other" targetRef="pool"/></collaboration>',
    ),
    "a gateway that merges and splits": around(
        '<exclusiveGateway id="g" gatewayDirection="Mixed" default="g-end"/><task id="a"/>'
        + flow("a", "g")
        + flow("g", "a", "<conditionExpression>x</conditionExpression>"),
        "g",
    ),
    "a condition on a default flow is ignored": around(
        '<exclusiveGateway id="g" default="d"/><task id="a"/><task id="b"/>'
        + flow("g", "b", "<conditionExpression>x</conditionExpression>")
        + flow("b", "end")
        + flow("g", "a", "<conditionExpression>y</conditionExpression>", "d")
        + flow("a", "end"),
        "g",
    ).replace(b'<sequenceFlow id="g-end" sourceRef="g" targetRef="end"></sequenceFlow>', b""),
    "a boundary event on a sub-process, not interrupting": around(
        '<subProcess id="s"><task id="t"/></subProcess><boundaryEvent id="b" attachedToRef="s" cancelActivity="false">'
        "<timerEventDefinition><timeCycle>R3/PT1M</timeCycle></timerEventDefinition></boundaryEvent>"
        + flow("b", "end"),
        "s",
    ),
    "a message beside a timer after an event-based gateway": process(
        '<startEvent id="start"/><eventBasedGateway id="g"/><intermediateCatchEvent id="m"><extensionElements>'
        '<tl:correlation key="id"/></extensionElements><messageEventDefinition messageRef="m1"/>'
        '</intermediateCatchEvent><intermediateCatchEvent id="t"><timerEventDefinition><timeDuration>=pause'
        '</timeDuration></timerEventDefinition></intermediateCatchEvent><endEvent id="end"/>'
        + flow("start", "g")
        + flow("g", "m")
        + flow("g", "t")
        + flow("m", "end")
        + flow("t", "end")
    ),
    "flows without ids": process(
        '<startEvent id="start"/><task id="a"/><endEvent id="end"/><sequenceFlow sourceRef="start" targetRef="a"/>'
        '<sequenceFlow sourceRef="a" targetRef="end"/><sequenceFlow sourceRef="a" targetRef="end"/>'
    ),
    "references with a prefix": around(
        '<task id="a"/><endEvent id="e"><errorEventDefinition errorRef="tns:e1"/></endEvent>' + flow("a", "e"), "a"
    ),
    "an event definition by reference": process(
        '<startEvent id="start"/><endEvent id="end"><eventDefinitionRef>stop</eventDefinitionRef></endEvent>'
        + flow("start", "end"),
        root='<terminateEventDefinition id="stop"/>',
    ),
}


@pytest.mark.parametrize("xml", LEGAL.values(), ids=LEGAL.keys())
def test_what_the_specification_allows_is_not_refused(lint: Lint, lint_tolerantly: Lint, xml: bytes) -> None:
    assert lint(xml) == []
    assert lint_tolerantly(xml) == []


# -- XML


@pytest.mark.parametrize(
    ("xml", "line"),
    [
        (b"<definitions>\n<process></definitions>", 2),
        (b"", 1),
        (b"not xml", 1),
        (b"\xff\xfe\x00", 1),
        (b"<?xml version='1.0'?>\n<!DOCTYPE d [<!ENTITY a 'b'>]>\n<d>&a;</d>", 2),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>', 1),
        (b"<a>" * 300 + b"</a>" * 300, 1),
        (b"<?xml version='1.0' encoding='nonsense'?><a/>", 1),
    ],
)
def test_malformed_or_dangerous_xml_is_a_finding_with_a_line(lint: Lint, xml: bytes, line: int) -> None:
    assert [(f.rule, f.line) for f in lint(xml)] == [("malformed-xml", line)]


def test_a_huge_file_is_refused_unread(lint: Lint) -> None:
    assert [f.rule for f in lint(b" " * 9_000_000)] == ["malformed-xml"]


def test_another_document_is_refused(lint: Lint) -> None:
    assert [f.rule for f in lint(b"<html/>")] == ["not-bpmn"]
    assert [f.rule for f in lint(file())] == ["no-process"]


# -- what only an installation knows


def test_a_tolerant_reader_lets_pass_what_only_an_installation_knows(lint_tolerantly: Lint, lint: Lint) -> None:
    # given
    xml = process(
        '<startEvent id="start"/><serviceTask id="a"/><exclusiveGateway id="g"/>'
        '<receiveTask id="r"/><intermediateCatchEvent id="t"><timerEventDefinition>'
        "<timeDuration>${pause}</timeDuration></timerEventDefinition></intermediateCatchEvent>"
        '<scriptTask id="js" scriptFormat="javascript"><script>x = 1</script></scriptTask>'
        + chain("start", "a", "g", "r", "t", "js")
        + flow("g", "t", "<conditionExpression>${amount > 5}</conditionExpression>"),
        attributes="",
    )

    # then
    assert lint_tolerantly(xml) == []
    assert {f.rule for f in lint(xml)} == {
        "not-executable",
        "missing-operation",
        "missing-message",
        "missing-correlation",
        "bad-timer",
        "bad-expression",
        "missing-condition",
    }
    read = parse(xml)
    assert isinstance(read.flows["g-t"].condition, Foreign)
    assert read.flows["g-r"].condition is None
    assert read.elements["r"].kind is Kind.RECEIVE_TASK
    assert read.elements["r"].event is not None
    assert read.elements["r"].event.name == "r"


# -- operations, expressions, extensions

INVOICE = "erp.post-invoice"
UNKNOWN_UNDO = '<tl:undo operation="erp.fly"/>'
BROKEN_INPUT = '<tl:input target="x" source="a +"/>'
GROOVY = '<conditionExpression language="groovy">x</conditionExpression>'
ODD_CLASS = 'tl:class="maybe"'
ODD_TIMEOUT = 'tl:timeout="5s"'
READS = 'tl:class="read"'
ON_USER_TASK = '<extensionElements>\n<tl:operation name="erp.read-order"/>' + HERE + "</extensionElements>"
CONTENT: dict[str, tuple[str, bytes, str]] = {
    "no operation": ("missing-operation", around(f'\n<serviceTask id="a"/>{HERE}', "a"), "a"),
    "an unknown operation": ("unknown-operation", around(f"\n{service('a', 'erp.fly')}{HERE}", "a"), "a"),
    "an unknown undo": (
        "unknown-operation",
        around(f"\n{service('a', INVOICE, inside=UNKNOWN_UNDO)}{HERE}", "a"),
        "a",
    ),
    "a mapping that does not parse": (
        "bad-expression",
        around(f"\n{service('a', inside=BROKEN_INPUT)}{HERE}", "a"),
        "a",
    ),
    "a condition that does not parse": (
        "bad-expression",
        around(
            '<exclusiveGateway id="g" default="g-a"/><task id="a"/><task id="b"/>'
            f"\n{flow('g', 'b', '<conditionExpression>x +</conditionExpression>', 'f')}{HERE}{flow('b', 'end')}",
            "g",
            "a",
        ),
        "f",
    ),
    "a condition in another language": (
        "bad-expression",
        around(
            '<exclusiveGateway id="g" default="g-a"/><task id="a"/><task id="b"/>'
            f"\n{flow('g', 'b', GROOVY, 'f')}{HERE}{flow('b', 'end')}",
            "g",
            "a",
        ),
        "f",
    ),
    "an unknown class": ("bad-extension", around(f"\n{service('a', attributes=ODD_CLASS)}{HERE}", "a"), "a"),
    "a timeout that is none": ("bad-extension", around(f"\n{service('a', attributes=ODD_TIMEOUT)}{HERE}", "a"), "a"),
    "an unknown tl element": ("bad-extension", around(f"\n{service('a', inside='<tl:magic/>')}{HERE}", "a"), "a"),
    "a lock without a key": ("bad-extension", around(f"\n{service('a', inside='<tl:lock/>')}{HERE}", "a"), "a"),
    "two operations": ("bad-extension", around(f"\n{service('a', inside='<tl:operation/>')}{HERE}", "a"), "a"),
    "an operation on a user task": (
        "misplaced-extension",
        around(f'<userTask id="a">{ON_USER_TASK}</userTask>', "a"),
        "a",
    ),
    "a create of class read": (
        "class-contradicts-effect",
        around(f"\n{service('a', INVOICE, READS)}{HERE}", "a"),
        "a",
    ),
}


@pytest.mark.parametrize(("rule", "xml", "element"), CONTENT.values(), ids=CONTENT.keys())
def test_what_does_not_fit_the_installation_is_refused(lint: Lint, rule: str, xml: bytes, element: str) -> None:
    assert [(f.element, f.rule, f.line) for f in lint(xml)] == [(element, rule, line_of(xml))]
