import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from saga_coordinator.testing.tables import decision, file, formula, table
from throughline.cli import main

ROWS = [('"gold"', "10", "$now()"), ('"none"', "0", '"无"')]
RULES = file(
    decision(
        "discount",
        table(["level"], ["percent", "note"], [('"gold"', "10", "$now()"), ('"none"', "0", '"无"')]),
        "level",
    ),
    decision("level", formula('orders > 10 ? "gold" : "none"')),
)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.dmn"
    path.write_bytes(RULES)
    return path


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["decision", "evaluate", *map(str, arguments)])


def test_the_decision_that_nothing_requires_is_evaluated(rules: Path) -> None:
    result = evaluate(rules, "--variables", '{"orders": 1}')

    assert (result.exit_code, json.loads(result.output)) == (0, {"percent": 0, "note": "无"})
    assert "无" in result.output


def test_a_decision_may_be_named_and_variables_may_come_from_a_file(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text('{"orders": 11}')

    result = evaluate(rules, "--variables", f"@{tmp_path / 'v.json'}", "--decision", "level")

    assert (result.exit_code, json.loads(result.output)) == (0, "gold")


def test_the_clock_is_now(rules: Path) -> None:
    assert json.loads(evaluate(rules, "--variables", '{"orders": 11}').output)["note"].startswith("20")


def test_a_decision_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "r.dmn"
    path.write_bytes(file(decision("d", table(["1"], ["x"], [("-", "1"), ("-", "2")]))))

    result = evaluate(path)

    assert result.exit_code == 1
    assert "decision d: rules 1 and 2 hit, but the hit policy is UNIQUE" in result.output


def test_a_file_that_cannot_run_is_told_with_its_findings(tmp_path: Path) -> None:
    path = tmp_path / "r.dmn"
    path.write_bytes(file(decision("d", "")))

    result = evaluate(path)

    assert result.exit_code == 1
    assert "(missing-decision-logic)" in result.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--variables", "{"], "--variables"),
        (["--variables", "[]"], "a JSON object is expected"),
        (["--variables", "@missing.json"], "missing.json"),
        (["--decision", "other"], "there is no decision 'other'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(rules: Path, arguments: list[str], reason: str) -> None:
    result = evaluate(rules, *arguments)

    assert result.exit_code == 2
    assert reason in result.output


def test_one_of_several_has_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "r.dmn"
    path.write_bytes(file(decision("a", formula("1")), decision("b", formula("2"))))

    assert "--decision: a, b" in evaluate(path).output
