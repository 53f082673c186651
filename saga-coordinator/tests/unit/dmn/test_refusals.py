from pathlib import Path

import pytest

from saga_coordinator import bpmn, dmn
from saga_coordinator.testing.tables import decision, file, formula, table
from service_kit import expressions

MODELLERS = Path(__file__).parent / "files"


def lint(xml: bytes) -> list[bpmn.Finding]:
    return dmn.lint(xml, compile=expressions.compile)


def refused(logic: str, *requires: str) -> tuple[str, str, str]:
    (finding,) = lint(file(decision("d", logic, *requires)))
    return finding.element, finding.rule, finding.message


@pytest.mark.parametrize("path", sorted(MODELLERS.glob("*.dmn")), ids=lambda path: path.stem)
def test_files_of_modellers_load(path: Path) -> None:
    assert dmn.parse(path.read_bytes(), compile=expressions.compile)


@pytest.mark.parametrize(
    ("xml", "rule"),
    [
        (b"<definitions", "malformed-xml"),
        (b'<!DOCTYPE d [<!ENTITY e "x">]><d/>', "malformed-xml"),
        (b"<definitions/>", "not-dmn"),
        (file(decision("d", formula("1")), namespace="urn:other"), "not-dmn"),
        (file(), "no-decision"),
        (file(f'<decision name="d">{formula("1")}</decision>'), "missing-id"),
        (file(decision("d", formula("1")), decision("d", formula("2"))), "duplicate-id"),
    ],
)
def test_a_file_that_is_no_dmn_is_refused(xml: bytes, rule: str) -> None:
    assert [finding.rule for finding in lint(xml)] == [rule]


def test_a_bad_cell_is_named_by_rule_column_and_line() -> None:
    xml = file(decision("d", table(["level"], ["x"], [('"gold"', "1"), ("silver", "2")])))

    (finding,) = lint(xml)

    assert (finding.rule, finding.line) == ("bad-unary-test", 7)
    assert finding.message.startswith("rule 2, input level: 'silver' is no unary test")


@pytest.mark.parametrize(
    ("columns", "row", "attributes", "rule", "reason"),
    [
        (["v", "x"], ("-", "1 +"), "", "bad-expression", "rule 1, output x"),
        (["v +", "x"], ("-", "1"), "", "bad-expression", "input v +"),
        (["", "x"], ("-", "1"), "", "bad-expression", "has no expression"),
        (["v", "x"], ("=$input >", "1"), "", "bad-expression", "rule 1, input v"),
        (["v: number", "x"], ('"a"', "1"), "", "bad-unary-test", "the column holds a number"),
        (["v", "x: number"], ("-", '"a"'), "", "bad-output", "rule 1, output x: 'a' is no number"),
        (["v", 'x | "a","b"'], ("-", '"c"'), "", "bad-output", "not one of the column's output values"),
        (["v", "x"], ("-", "1", "2"), "", "rule-width", "2 output entries for 1 columns"),
        (["v: colour", "x"], ("-", "1"), "", "unknown-type", "'colour'"),
        (["v", "x"], ("-", "1"), 'hitPolicy="LAST"', "bad-hit-policy", "'LAST'"),
        (["v", "x"], ("-", "1"), 'hitPolicy="PRIORITY"', "bad-hit-policy", "needs output values"),
        (["v", "x"], ("-", "1"), 'hitPolicy="OUTPUT ORDER"', "bad-hit-policy", "needs output values"),
        (["v", "x"], ("-", "1"), 'hitPolicy="COLLECT" aggregation="AVG"', "bad-hit-policy", "'AVG'"),
        (["v", "x"], ("-", "1"), 'aggregation="SUM"', "bad-hit-policy", "belongs to COLLECT"),
    ],
)
def test_a_table_that_cannot_run_is_refused(
    columns: list[str], row: tuple[str, ...], attributes: str, rule: str, reason: str
) -> None:
    element, found, message = refused(table(columns[:1], columns[1:], [row], attributes))

    assert found == rule
    assert reason in message
    assert element


def test_an_aggregator_with_several_outputs_is_refused() -> None:
    logic = table(["v"], ["x", "y"], [("-", "1", "2")], 'hitPolicy="COLLECT" aggregation="SUM"')

    assert refused(logic)[1:] == ("bad-hit-policy", "SUM needs one output, and there are 2")


def test_several_outputs_need_names_and_a_table_needs_one() -> None:
    assert refused(table(["v"], ["x", ""], [("-", "1", "2")]))[1] == "bad-output"
    assert refused(table(["v"], [], [("-",)]))[1] == "bad-output"


@pytest.mark.parametrize(
    ("logic", "rule"),
    [
        ("", "missing-decision-logic"),
        ("<literalExpression/>", "missing-decision-logic"),
        ("<context/>", "unsupported-decision"),
        ("<invocation/>", "unsupported-decision"),
        (f"<knowledgeRequirement/>{formula('1')}", "unsupported-decision"),
    ],
)
def test_logic_that_does_not_run_here_is_refused(logic: str, rule: str) -> None:
    assert refused(logic)[:2] == ("d", rule)


def test_a_required_decision_that_is_not_in_the_file_is_refused() -> None:
    assert refused(formula("1"), "other")[:2] == ("d", "unresolved-reference")


def test_decisions_that_require_each_other_are_refused() -> None:
    xml = file(
        decision("a", formula("b"), "b"),
        decision("b", formula("c"), "c"),
        decision("c", formula("a"), "a"),
        decision("free", formula("1")),
    )

    (finding,) = lint(xml)

    assert finding.rule == "decision-cycle"
    assert {"a", "b", "c"} <= set(finding.message.replace(" <- ", " ").split())


# -- languages


def test_another_language_is_refused_unless_it_means_the_same_in_jsonata() -> None:
    def cells(language: str, source: str) -> list[str]:
        return [
            finding.rule for finding in lint(file(decision("d", formula(source, f'expressionLanguage="{language}"'))))
        ]

    assert cells("feel", "order.amount") == []
    assert cells("https://www.omg.org/spec/DMN/20191111/FEEL/", '"text"') == []
    assert cells("feel", "if a then b else c") == ["bad-expression"]
    assert cells("juel", "${a}") == ["bad-expression"]
    assert cells("JSONata", "$sum(a)") == []


def test_the_language_of_the_file_is_that_of_cells_that_say_nothing() -> None:
    feel = 'expressionLanguage="https://www.omg.org/spec/DMN/20191111/FEEL/"'

    assert lint(file(decision("d", table(["a.b"], ["x"], [("< 1", "a.c")])), attributes=feel)) == []
    (finding,) = lint(file(decision("d", table(["a.b"], ["x"], [("< 1", "a.c * 2")])), attributes=feel))
    assert finding.rule == "bad-expression"


def test_types_of_the_file_itself_are_known() -> None:
    types = '<itemDefinition name="tLevel"><typeRef>string</typeRef></itemDefinition>'
    xml = file(types, decision("d", table(["v: tLevel"], ["x"], [("1", "1")])))

    assert [finding.message for finding in lint(xml)] == [
        "rule 1, input v: 1 is a number, but the column holds a string"
    ]
