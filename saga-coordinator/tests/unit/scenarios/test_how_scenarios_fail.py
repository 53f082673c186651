from pathlib import Path

import pytest

from saga_coordinator.scenarios import Result, Runner, interleaving, measure
from saga_coordinator.scenarios.picture import draw
from saga_coordinator.testing.files import around, chain, process
from service_kit import expressions

ONE = around('<userTask id="a"/><serviceTask id="b"/>', "a", "b")


def run(folder: Path, scenarios: str, xml: bytes = ONE) -> list[Result]:
    (folder / "p.bpmn").write_bytes(xml)
    (folder / "p.yaml").write_text(scenarios)
    return list(Runner(expressions.compile).run(folder / "p.yaml"))


def reason(folder: Path, scenario: str, xml: bytes = ONE) -> str:
    (result,) = run(folder, f"process: p.bpmn\nscenarios:\n  - {scenario}", xml)
    assert not result.ok
    return result.reason


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        ("{steps: [{complete: b}]}", "step 1 (complete b): no open step b; open: a"),
        ("{steps: [{complete: nothing}]}", "no open step nothing"),
        ("{steps: [{complete: 'a[1]'}]}", "no open step a[1]; open: a"),
        ("{steps: [{late: b}]}", "no command whose step is over"),
        ("{steps: [{trigger: nothing}]}", "there is no event nothing"),
        ("{steps: [{signal: x}]}", "signal: fields name, payload are expected"),
        ("{steps: [{operator: {retry: all}}]}", "the instance has no incident"),
        ("{steps: [{operator: {fly: all}}]}", "operator: one of by_hand, cancel, migrate, move, resume, retry,"),
        ("{steps: [{advance: soon}]}", "not an ISO 8601 duration"),
        ("{start: none, steps: [{complete: a}]}", "the instance has not started"),
        ("{expect: {status: completed}}", "at the end: status: expected completed, but it is waiting"),
        ("{expect: {open: [b, b]}}", "open: missing b, b; unexpected a"),
        ("{expect: {entered: [start, b]}}", "entered:\n      start\n    - b\n    + a"),
        ("{expect: {variables: {x: 1}}}", "variables: x: expected 1, but it is None"),
        ("{expect: {variables: {'x +': 1}}}", "variables: x +:"),
        ("{expect: {incidents: [{step: a, code: X}]}}", "incidents: missing X at a"),
        ("{expect: {rejected: any}}", "the file was not refused"),
        ("{expect: {colour: red}}", "colour is not known here"),
        ("{steps: [{dance: a}]}", "a step has one verb"),
        ("{steps: [{complete: a, on: b}]}", "on is not known here"),
        ("{process: other.bpmn}", "other.bpmn cannot be read"),
        ("{process: p.bpmn#q}", "unknown-process"),
    ],
)
def test_a_failure_says_where_and_why(tmp_path: Path, scenario: str, told: str) -> None:
    assert told in reason(tmp_path, scenario)


@pytest.mark.parametrize("hold", ["", ", hold: [s]"])
def test_a_step_that_has_completed_by_itself_is_told_with_the_remedy(tmp_path: Path, hold: str) -> None:
    # given
    xml = around('<manualTask id="s"/><userTask id="a"/>', "s", "a")
    steps = "[{complete: s}, {complete: s}]" if hold else "[{complete: s}]"

    # when
    told = reason(tmp_path, f"{{steps: {steps}{hold}}}", xml)

    # then
    assert ("s has completed by itself; `hold: [s]` in the scenario makes it wait" in told) is (not hold)


def test_whatever_breaks_in_a_scenario_is_its_failure_and_the_next_one_runs(tmp_path: Path) -> None:
    # when
    scenarios = "process: p.bpmn\nscenarios: [{name: breaks, expect: {variables: 5}}, {name: fine}]"
    breaks, fine = run(tmp_path, scenarios)

    # then
    assert breaks.reason == "at the end: it broke with AttributeError: 'int' object has no attribute 'items'"
    assert fine.ok


def test_a_refused_file_fails_with_its_findings(tmp_path: Path) -> None:
    xml = around('<task id="a"/>\n<task id="lost"/>', "a")
    assert "lost: no token can ever come here (unreachable)" in reason(tmp_path, "{name: x}", xml)
    assert "not among the findings" in reason(tmp_path, "{expect: {rejected: [{rule: duplicate-id}]}}", xml)


def test_a_file_that_cannot_be_read_is_one_failure(tmp_path: Path) -> None:
    (result,) = run(tmp_path, "scenarios: [")
    assert not result.ok
    assert "cannot be read" in result.reason


def test_texts_that_yaml_would_read_as_something_else_stay_texts(tmp_path: Path) -> None:
    scenarios = """
process: p.bpmn
scenarios:
  - start: {variables: {day: 2026-01-05, on: no, time: 12:30, n: 1.5}}
    expect: {variables: {day: "2026-01-05", "`on`": "no", time: "12:30", n: 1.5}}
"""
    assert [result.reason for result in run(tmp_path, scenarios)] == [""]


def test_a_skipped_scenario_is_told_apart(tmp_path: Path) -> None:
    (result,) = run(tmp_path, "process: p.bpmn\nscenarios: [{skip: the ERP cannot do it yet}]")
    assert (result.ok, result.skipped, result.reason) == (True, True, "the ERP cannot do it yet")


@pytest.mark.parametrize(
    ("expected", "actual", "fits"),
    [
        (["a", "b"], "ab", True),
        (["a", "b"], "ba", False),
        (["a"], "", False),
        ([], "", True),
        ([{"any": [["b", "c"], ["d"]]}], "bdc", True),
        ([{"any": [["b", "c"], ["d"]]}], "dcb", False),
        (["a", {"any": [["b"], ["b", "c"]]}, "e"], "abcbe", True),
        (["a", {"any": [["b"], []]}, "e"], "abe", True),
        (["a", {"any": [["b", {"any": [["x"], ["y"]]}], ["c"]]}, "e"], "abycxe", True),
        (["a", {"any": [["b"], ["c"]]}], "ab", False),
    ],
)
def test_branches_interleave_as_expected(expected: list[object], actual: str, fits: bool) -> None:
    assert interleaving.matches(expected, list(actual)) is fits


def test_coverage_tells_what_was_not_reached(tmp_path: Path) -> None:
    # given
    di = (
        b'<BPMNShape bpmnElement="a"><Bounds x="0" y="0" width="100" height="80"/></BPMNShape>'
        b'<BPMNShape bpmnElement="b"><Bounds x="200" y="0" width="100" height="80"/></BPMNShape>'
        b'<BPMNEdge bpmnElement="a-b"><waypoint x="100" y="40"/><waypoint x="200" y="40"/></BPMNEdge></definitions>'
    )
    xml = ONE.replace(b"</definitions>", di)
    (tmp_path / "p.bpmn").write_bytes(xml)
    (tmp_path / "p.yaml").write_text("process: p.bpmn\nscenarios: [{name: stays}]")
    runner = Runner(expressions.compile)

    # when
    (coverage,) = measure(runner, list(runner.run(tmp_path / "p.yaml")))

    # then
    assert coverage.missed == ["b", "end", "a-b", "b-end"]
    assert coverage.percent == 42
    svg = draw(xml, coverage)
    assert svg is not None
    assert svg.count("#1a7f37") == 1
    assert svg.count("#cf222e") == 2


def test_a_scenario_that_cannot_be_read_leaves_the_others_of_its_file_alone(tmp_path: Path) -> None:
    # given
    (tmp_path / "p.bpmn").write_bytes(around('<task id="a"/>', "a"))
    file = tmp_path / "p.yaml"
    file.write_text(
        "process: p.bpmn\nscenarios:\n  - {name: odd, steps: [{compleet: a}]}\n  - nonsense\n"
        "  - {name: steps, steps: {complete: a}}\n  - {name: fine, expect: {status: completed}}\n"
    )

    # when
    results = list(Runner(expressions.compile).run(file))

    # then
    assert [(result.name, result.ok) for result in results] == [
        ("odd", False),
        ("scenario 2", False),
        ("steps", False),
        ("fine", True),
    ]
    assert "compleet" in results[0].reason


def test_a_called_process_that_cannot_begin_is_an_incident_of_its_caller(tmp_path: Path) -> None:
    # given
    message = '<startEvent id="told"><messageEventDefinition/></startEvent><task id="t"/>'
    called = process(message + chain("told", "t")).replace(b'id="p"', b'id="q"')
    (tmp_path / "q.bpmn").write_bytes(called)
    caller = around('<callActivity id="call" calledElement="q"/>', "call")

    # when
    (result,) = run(
        tmp_path,
        "process: [p.bpmn, q.bpmn]\nscenarios:\n"
        "  - expect: {status: incident, incidents: [{step: call, code: CHILD_REFUSED}]}\n",
        caller,
    )

    # then
    assert result.reason == ""


def test_a_process_that_calls_itself_for_ever_comes_to_an_incident(tmp_path: Path) -> None:
    # given
    xml = around('<callActivity id="again" calledElement="p"/>', "again")

    # when
    (result,) = run(tmp_path, "process: p.bpmn\nscenarios:\n  - expect: {incidents: [{code: CHILD_REFUSED}]}\n", xml)

    # then
    assert result.reason == ""
