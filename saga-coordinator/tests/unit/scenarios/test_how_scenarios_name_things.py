"""Addresses, names and choices as scenarios write them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from saga_coordinator.scenarios import Result, Runner
from saga_coordinator.testing.files import chain, flow, process
from service_kit import expressions

MESSAGE = '<messageEventDefinition messageRef="m1"/>'
Run = Callable[[bytes, str], list[Result]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def play(xml: bytes, scenarios: str) -> list[Result]:
        (tmp_path / "p.bpmn").write_bytes(xml)
        file = tmp_path / "p.yaml"
        file.write_text("process: p.bpmn\nscenarios:\n" + scenarios)
        return list(Runner(expressions.compile).run(file))

    return play


def boundary(id_: str, on: str, definition: str) -> str:
    return f'<boundaryEvent id="{id_}" attachedToRef="{on}">{definition}</boundaryEvent>'


def catch(id_: str, definition: str) -> str:
    return f'<intermediateCatchEvent id="{id_}">{definition}</intermediateCatchEvent>'


DONE = "<conditionExpression>done</conditionExpression>"
SPLIT = process(
    '<startEvent id="start"/><exclusiveGateway id="g"/><task id="a"/><task id="b"/><endEvent id="end"/>'
    + chain("start", "g", "a", "end")
    + chain("g", "b", "end")
)
SUBS = process(
    '<startEvent id="start"/><subProcess id="sub"><multiInstanceLoopCharacteristics/>'
    '<startEvent id="begin"/><userTask id="a"/><userTask id="b"/>'
    + chain("begin", "a", "b")
    + '</subProcess><endEvent id="end"/>'
    + chain("start", "sub", "end")
)


def test_a_task_inside_an_item_is_addressed_by_the_number_of_the_item(run: Run) -> None:
    # when
    results = run(
        SUBS,
        "  - items: {sub: 3}\n"
        "    steps: [{complete: 'a[2]'}, {complete: 'b[2]'}, {complete: 'a[1]'}, {complete: 'b[1]'}]\n"
        "    expect: {open: [a], completed: [a, b, sub, a, b, sub]}\n",
    )

    # then
    assert [result.reason for result in results] == [""]


def test_a_step_of_a_called_process_is_addressed_by_the_item_that_called_it(tmp_path: Path) -> None:
    # given
    called = process('<startEvent id="begin"/><userTask id="a"/>' + chain("begin", "a"))
    caller = process(
        '<startEvent id="start"/><callActivity id="call" calledElement="q"><multiInstanceLoopCharacteristics/>'
        '</callActivity><endEvent id="end"/>' + chain("start", "call", "end")
    )
    (tmp_path / "p.bpmn").write_bytes(caller)
    (tmp_path / "q.bpmn").write_bytes(called.replace(b'id="p"', b'id="q"'))
    file = tmp_path / "p.yaml"
    file.write_text(
        "process: [p.bpmn, q.bpmn]\nscenarios:\n  - items: {call: 2}\n    steps: [{reject: 'a[2]', code: NO}]\n"
        "    expect: {status: compensated}\n"
    )

    # when
    results = list(Runner(expressions.compile).run(file))

    # then
    assert [result.reason for result in results] == [""]


@pytest.mark.parametrize(
    "step",
    [
        "{error: {step: a, code: E}}",
        "{escalate: {step: a, code: E}}",
        "{trigger: m, on: a}",
        "{operator: {skip: a}}",
        "{operator: {move: a, to: b}}",
    ],
)
def test_what_any_step_names_does_not_complete_by_itself(run: Run, step: str) -> None:
    # given
    xml = process(
        '<startEvent id="start"/><serviceTask id="a"/><task id="b"/><endEvent id="end"/>'
        + boundary("m", "a", MESSAGE)
        + chain("start", "a", "b", "end")
        + chain("m", "b"),
    )

    # when
    results = run(xml, f"  - auto: true\n    steps: [{{expect: {{open: [a]}}}}, {step}]\n")

    # then
    assert [result.reason for result in results] == [""]


def test_a_choice_of_a_flow_that_leaves_somewhere_else_is_a_failure_that_says_which_flows_there_are(run: Run) -> None:
    # when
    results = run(SPLIT, "  - choices: {g: [[start-a]]}\n")

    # then
    assert not results[0].ok
    assert "g has no outgoing flow start-a" in results[0].reason


def test_after_the_last_choice_the_conditions_of_the_diagram_count(run: Run) -> None:
    # given
    xml = process(
        '<startEvent id="start"/><exclusiveGateway id="merge"/><userTask id="a"/>'
        '<exclusiveGateway id="g" default="g-merge"/><endEvent id="end"/>'
        + chain("start", "merge", "a", "g")
        + flow("g", "end", DONE)
        + flow("g", "merge")
    )

    # when
    results = run(
        xml,
        "  - start: {variables: {done: true}}\n    choices: {g: [[g-merge], [g-merge]]}\n"
        "    steps: [{complete: a, times: 3}]\n    expect: {status: completed, completed: [a, a, a]}\n",
    )

    # then
    assert [result.reason for result in results] == [""]


def test_a_message_or_signal_may_be_named_by_the_event_that_waits_for_it(run: Run) -> None:
    # given
    xml = process(
        '<startEvent id="start"/>' + catch("m", MESSAGE) + '<endEvent id="end"/>' + chain("start", "m", "end")
    )

    # when
    results = run(xml, "  - steps: [{message: {name: m}}]\n    expect: {status: completed}\n")

    # then
    assert [result.reason for result in results] == [""]


def test_the_start_event_tells_which_of_several_processes_is_meant(run: Run) -> None:
    # given
    one = process('<startEvent id="start"/><task id="a"/>' + chain("start", "a"))
    other = '<process id="other" isExecutable="true"><startEvent id="begin"/><task id="b"/>%s</process></definitions>'
    xml = one.replace(b"</definitions>", (other % chain("begin", "b")).encode())

    # when
    results = run(
        xml,
        "  - expect: {rejected: any}\n"
        "  - start: {event: begin}\n    expect: {entered: [begin, b], status: completed}\n",
    )

    # then
    assert [result.reason for result in results] == ["", ""]
