import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from saga_coordinator.testing.files import around, process
from saga_coordinator.testing.tables import decision, file, formula
from throughline.cli import main

SCENARIOS = """
process: p.bpmn
scenarios:
  - name: goes through
    steps: [{complete: a}]
    expect: {status: completed}
  - name: expects too much
    expect: {status: completed, entered: [start, a, end]}
  - {name: later, skip: nobody needs it}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "p.bpmn").write_bytes(around('<userTask id="a"/>', "a"))
    (tmp_path / "p.scenarios.yaml").write_text(SCENARIOS)
    (tmp_path / "other.yaml").write_text("a: 1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str | os.PathLike[str]) -> Result:
    return CliRunner().invoke(main, ["process", *map(str, arguments)])


def test_a_folder_of_scenarios_prints_a_line_each_and_readable_differences(folder: Path) -> None:
    # when
    result = invoke("test", folder)

    # then
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith("ok ")
    assert "expects too much" in lines[1]
    assert "       at the end: status: expected completed, but it is waiting" in lines
    assert "           - end" in lines
    assert "       it is waiting; open: a" in lines
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"


def test_json_is_one_object(folder: Path) -> None:
    # when
    result = invoke("test", folder / "p.scenarios.yaml", "--json", "--coverage")

    # then
    report = json.loads(result.output)
    assert (report["passed"], report["failed"], report["skipped"]) == (1, 1, 1)
    first = report["results"][0]
    assert set(first) == {"file", "name", "ok", "reason", "actual"}
    assert first["actual"] == {
        "status": "completed",
        "entered": ["start", "a", "end"],
        "completed": ["a"],
        "undone": [],
        "open": [],
    }
    assert report["coverage"][0]["percent"] == 100


def test_junit_is_written(folder: Path) -> None:
    # when
    invoke("test", folder, "--junit", folder / "report.xml")

    # then
    suite = ET.parse(folder / "report.xml").getroot().find("testsuite")  # noqa: S314 - our own file
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "expected completed" in failure.attrib["message"]


def test_coverage_tells_what_was_reached(folder: Path) -> None:
    result = invoke("test", folder, "--coverage")
    assert "p.bpmn#p: 100 % of elements and flows reached" in result.output


def test_a_folder_without_scenarios_is_a_mistake(tmp_path: Path) -> None:
    assert invoke("test", tmp_path).exit_code == 2


def test_lint_prints_findings_as_compilers_do(folder: Path) -> None:
    # given
    (folder / "bad.bpmn").write_bytes(around('<userTask id="a"/>\n<task id="lost"/>', "a"))

    # when
    good, bad = invoke("lint", folder / "p.bpmn"), invoke("lint", "p.bpmn", "bad.bpmn")

    # then
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert bad.output.splitlines()[0].startswith("bad.bpmn:11: lost: ")
    assert bad.output.splitlines()[0].endswith("(unreachable)")


def test_lint_judges_every_executable_process_of_a_file(folder: Path) -> None:
    # given
    two = process("").replace(b"</definitions>", b'<process id="q" isExecutable="true"/></definitions>')
    (folder / "two.bpmn").write_bytes(two)

    # when
    result = invoke("lint", folder / "two.bpmn", "--json")

    # then
    report = json.loads(result.output)
    assert not report["ok"]
    assert [(f["element"], f["rule"]) for f in report["findings"]] == [("p", "no-start-event"), ("q", "no-start-event")]


def test_help_does_not_import_the_commands() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert "Test and check processes." in result.output


RULE = (
    '<businessRuleTask id="r"><extensionElements><tl:decision ref="discount" result="x"/></extensionElements>'
    "</businessRuleTask>"
)


def test_lint_reads_decisions_and_lets_processes_ask_them(folder: Path) -> None:
    # given
    elsewhere = folder / "rules"
    elsewhere.mkdir()
    (elsewhere / "r.dmn").write_bytes(file(decision("discount", formula("1"))))
    (folder / "asks.bpmn").write_bytes(around(RULE, "r"))

    # when
    alone = invoke("lint", folder / "asks.bpmn")
    together = invoke("lint", folder / "asks.bpmn", elsewhere / "r.dmn")
    beside = invoke("lint", (elsewhere / "r.dmn").rename(folder / "r.dmn"), folder / "asks.bpmn")

    # then
    assert (alone.exit_code, together.exit_code, beside.exit_code) == (1, 0, 0)
    assert "no decision 'discount' is deployed (unknown-decision)" in alone.output


def test_lint_tells_what_is_wrong_with_a_decision(folder: Path) -> None:
    (folder / "r.dmn").write_bytes(file(decision("discount", formula("1 +"))))

    result = invoke("lint", folder / "r.dmn", "--json")

    assert result.exit_code == 1
    (finding,) = json.loads(result.output)["findings"]
    assert (finding["element"], finding["rule"]) == ("discount", "bad-expression")


def test_lint_knows_the_calendars_beside_a_process(folder: Path) -> None:
    timer = '<timerEventDefinition tl:calendar="factory"><timeDuration>P2D</timeDuration></timerEventDefinition>'
    xml = around(f'<intermediateCatchEvent id="t">{timer}</intermediateCatchEvent>', "t")
    (folder / "t.bpmn").write_bytes(xml)

    without = invoke("lint", folder / "t.bpmn")
    (folder / "calendars.yaml").write_text("factory: {week: {mon-fri: ['08:00-17:00']}}")
    known = invoke("lint", folder / "t.bpmn")
    (folder / "calendars.yaml").write_text("factory: {week: {}}")
    broken = invoke("lint", folder / "t.bpmn")

    assert (without.exit_code, known.exit_code, broken.exit_code) == (1, 0, 1)
    assert "unknown-calendar" in without.output
    assert "calendar factory" in broken.output
