"""What lies beside a process: decisions and calendars."""

from pathlib import Path

import pytest

from saga_coordinator.scenarios import Result, Runner
from saga_coordinator.testing.files import around, chain, process
from saga_coordinator.testing.tables import decision, file, table
from service_kit import expressions

RULE = (
    '<businessRuleTask id="rule"><extensionElements><tl:decision ref="discount" result="discount"/>'
    "</extensionElements></businessRuleTask>"
)
DISCOUNT = file(decision("discount", table(["level"], ["x"], [('"gold"', "0.1"), ('not("gold")', "0")])))
GOLD = "  - start: {variables: {level: gold}}\n    expect: {status: completed, variables: {discount: 0.1}}\n"


def played(folder: Path, xml: bytes, scenarios: str, files: str = "p.bpmn") -> list[Result]:
    (folder / "p.bpmn").write_bytes(xml)
    (folder / "p.yaml").write_text(f"process: {files}\nscenarios:\n{scenarios}")
    return list(Runner(expressions.compile).run(folder / "p.yaml"))


def reasons(results: list[Result]) -> list[str]:
    return [result.reason for result in results]


def test_a_decision_beside_the_process_is_found(tmp_path: Path) -> None:
    (tmp_path / "any-name.dmn").write_bytes(DISCOUNT)

    assert reasons(played(tmp_path, around(RULE, "rule"), GOLD)) == [""]


def test_a_decision_elsewhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.dmn").write_bytes(DISCOUNT)

    assert reasons(played(tmp_path, around(RULE, "rule"), GOLD, "[p.bpmn, rules/r.dmn]")) == [""]
    assert reasons(played(tmp_path, around(RULE, "rule"), GOLD, "[rules/r.dmn, p.bpmn]")) == [""]


def test_a_named_file_that_cannot_run_is_a_refusal_and_one_that_nobody_named_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.dmn").write_bytes(b"<definitions/>")

    (named,) = played(tmp_path, around(RULE, "rule"), GOLD, "[p.bpmn, bad.dmn]")
    refused = "  - expect: {rejected: [{rule: not-dmn}]}\n"
    drives = "  - steps: [{complete: rule, output: {discount: 0.1}}]\n    expect: {status: completed}\n"

    assert "not-dmn" in named.reason
    assert reasons(played(tmp_path, around(RULE, "rule"), refused, "[p.bpmn, bad.dmn]")) == [""]
    assert reasons(played(tmp_path, around(RULE, "rule"), drives)) == [""]
    assert (
        "missing.dmn cannot be read" in played(tmp_path, around(RULE, "rule"), GOLD, "[p.bpmn, missing.dmn]")[0].reason
    )
    assert "a BPMN file is expected" in played(tmp_path, around(RULE, "rule"), GOLD, "[bad.dmn]")[0].reason


def test_without_its_decision_the_task_is_driven_by_a_step_or_by_auto(tmp_path: Path) -> None:
    scenarios = (
        "  - steps: [{complete: rule, output: {discount: 0.5}}]\n"
        "    expect: {status: completed, variables: {discount: 0.5}}\n"
        "  - auto: true\n    expect: {status: completed}\n"
        "  - expect: {open: [rule]}\n"
    )

    assert reasons(played(tmp_path, around(RULE, "rule"), scenarios)) == ["", "", ""]


def test_a_step_that_names_the_task_answers_instead_of_the_decision(tmp_path: Path) -> None:
    (tmp_path / "r.dmn").write_bytes(DISCOUNT)
    scenarios = (
        "  - steps: [{complete: rule, output: {discount: 0.5}}]\n    expect: {variables: {discount: 0.5}}\n"
        "  - hold: [rule]\n    expect: {open: [rule]}\n" + GOLD
    )

    assert reasons(played(tmp_path, around(RULE, "rule"), scenarios)) == ["", "", ""]


def test_a_decision_that_fails_is_an_incident(tmp_path: Path) -> None:
    (tmp_path / "r.dmn").write_bytes(file(decision("discount", table(["1"], ["x"], [("-", "1"), ("-", "2")]))))
    scenario = "  - expect: {status: incident, incidents: [{step: rule, code: EXPRESSION_FAILED}]}\n"

    assert reasons(played(tmp_path, around(RULE, "rule"), scenario)) == [""]


def waits(timer: str) -> bytes:
    event = f'<intermediateCatchEvent id="t">{timer}</intermediateCatchEvent>'
    return process('<startEvent id="start"/>' + event + '<endEvent id="end"/>' + chain("start", "t", "end"))


TWO_WORKING_DAYS = '<timerEventDefinition tl:calendar="factory"><timeDuration>P2D</timeDuration></timerEventDefinition>'
OVER_A_WEEKEND = (
    "  - now: 2026-01-09T09:00:00Z\n"
    "    steps: [{advance: P3D}, {expect: {open: [t]}}, {advance: P1D}]\n"
    "    expect: {status: completed}\n"
)


def test_calendars_beside_the_process_are_read(tmp_path: Path) -> None:
    (tmp_path / "calendars.yaml").write_text("factory: {week: {mon-fri: ['08:00-17:00']}}")

    assert reasons(played(tmp_path, waits(TWO_WORKING_DAYS), OVER_A_WEEKEND)) == [""]


def test_a_calendar_that_is_not_there_leaves_the_timer_to_a_trigger(tmp_path: Path) -> None:
    scenario = "  - steps: [{advance: P365D}, {expect: {open: [t]}}, {trigger: t}]\n    expect: {status: completed}\n"

    assert reasons(played(tmp_path, waits(TWO_WORKING_DAYS), scenario)) == [""]


def test_a_calendars_file_that_means_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "calendars.yaml").write_text("factory: {week: {}}")

    assert "calendar factory" in played(tmp_path, waits(TWO_WORKING_DAYS), OVER_A_WEEKEND)[0].reason


@pytest.mark.parametrize(("advance", "status"), [("PT22H", ""), ("PT23H", "completed")])
def test_a_process_starts_by_cron(tmp_path: Path, advance: str, status: str) -> None:
    timer = "<timerEventDefinition><timeCycle>0 8 * * MON-FRI</timeCycle></timerEventDefinition>"
    xml = process(f'<startEvent id="t">{timer}</startEvent><endEvent id="end"/>' + chain("t", "end"))
    (result,) = played(tmp_path, xml, f"  - start: none\n    steps: [{{advance: {advance}}}]\n    expect: {{}}\n")

    assert (result.reason, result.actual.status) == ("", status)
