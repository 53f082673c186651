from collections.abc import Sequence
from typing import Any

import pytest

from saga_coordinator import dmn
from saga_coordinator.testing.tables import Row, decision, file, formula, table
from service_kit import expressions


def made(logic: str) -> dmn.Decision:
    return dmn.parse(file(decision("d", logic)), compile=expressions.compile)["d"]


def by_amount(policy: str, rows: Sequence[Row], outputs: tuple[str, ...] = ("result",)) -> dmn.Decision:
    return made(table(["amount"], outputs, rows, f'hitPolicy="{policy}"'))


OVERLAPPING = [("> 10", '"some"'), ("> 100", '"many"'), ("> 100", '"lots"')]


# -- values


def test_one_output_gives_its_value_and_several_give_an_object() -> None:
    one = made(table(["level"], ["discount"], [('"gold"', "0.1")]))
    two = made(table(["level"], ["discount", "reason"], [('"gold"', "0.1", '"loyal"')]))

    assert one({"level": "gold"}) == 0.1
    assert two({"level": "gold"}) == {"discount": 0.1, "reason": "loyal"}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"a"', "a"),
        ("-3", -3),
        ("true", True),
        ("null", None),
        ("", None),
        ('date("2026-01-01")', "2026-01-01"),
        ('date and time("2026-01-01T08:00:00+08:00")', "2026-01-01T08:00:00+08:00"),
        ('duration("PT90M")', "PT5400S"),
        ("order.amount * 2", 8),
        ('{"to": order.id, "copies": [1, 2]}', {"to": "o1", "copies": [1, 2]}),
        ("missing", None),
        ("=$now()", "1970-01-01T00:00:01.000Z"),
    ],
)
def test_an_output_is_a_literal_or_an_expression_over_the_variables(cell: str, value: Any) -> None:
    found = made(table(["1"], ["x"], [("-", cell)]))({"order": {"amount": 4, "id": "o1"}}, {"now": 1000})

    assert found == value


def test_rules_are_asked_about_every_input() -> None:
    # given
    shipping = made(
        table(
            ["order.country: string", "$sum(order.lines.weight): number", "order.express: boolean"],
            ["carrier"],
            [
                ('"DE","AT"', "< 30", "false", '"post"'),
                ('"DE","AT"', ">= 30", "-", '"truck"'),
                ('not("DE","AT")', "-", "-", '"air"'),
                ('"DE","AT"', "< 30", "true", '"courier"'),
            ],
        )
    )

    def carrier(country: str, express: bool, *weights: float) -> Any:
        return shipping(
            {"order": {"country": country, "express": express, "lines": [{"weight": weight} for weight in weights]}}
        )

    # then
    assert carrier("DE", False, 10, 5) == "post"
    assert carrier("AT", True, 29.9, 0.1) == "truck"
    assert carrier("CN", True, 1) == "air"
    assert carrier("DE", True, 1) == "courier"


def test_an_input_cell_may_be_an_expression_that_compares_with_variables() -> None:
    over = made(
        table(["amount: number", "day: date"], ["x"], [("=$input > limit", '=$input = "2026-01-05"', '"over"')])
    )

    assert over({"amount": 11, "limit": 10, "day": "2026-01-05"}) == "over"
    assert over({"amount": 9, "limit": 10, "day": "2026-01-05"}) is None
    assert over({"amount": 11, "day": "2026-01-05"}) is None


def test_a_cell_expression_that_is_neither_true_nor_false_is_an_error() -> None:
    with pytest.raises(dmn.DecisionFailed, match=r"rule 1, input amount: .*neither true nor false"):
        made(table(["amount"], ["x"], [("=$input + 1", "1")]))({"amount": 1})


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("v: number", "5", "input v: '5' is no number"),
        ("v: number", True, "is no number"),
        ("v: string", 5, "is no text"),
        ("v: boolean", "yes", "neither true nor false"),
        ("v: date", "soon", "no ISO 8601"),
        ("v: date", 20260105, "is no date"),
        ('v: string | "a","b"', "c", "not one of the values that the table allows"),
        ("v: number | [0..100]", 101, "not one of the values that the table allows"),
        ("$sum(v)", "x", r"input \$sum\(v\)"),
    ],
)
def test_an_input_of_the_wrong_type_is_an_error_that_names_the_column(column: str, value: Any, reason: str) -> None:
    with pytest.raises(dmn.DecisionFailed, match=reason):
        made(table([column], ["x"], [("-", "1")]))({"v": value})


def test_a_missing_input_is_null_whatever_the_type() -> None:
    found = made(table(["v: number | [0..9]"], ["x"], [("null", '"none"'), ("not(null)", '"some"')]))

    assert found({}) == "none"
    assert found({"v": 1}) == "some"


def test_an_output_expression_of_the_wrong_type_is_an_error_that_names_rule_and_column() -> None:
    with pytest.raises(dmn.DecisionFailed, match="rule 2, output price: 'a' is no number"):
        made(table(["v"], ["price: number"], [("1", "1"), ("2", "name")]))({"v": 2, "name": "a"})


def test_an_output_expression_outside_the_output_values_is_an_error() -> None:
    with pytest.raises(dmn.DecisionFailed, match="rule 1, output risk: 'odd' is not one of"):
        made(table(["1"], ['risk: string | "low","high"'], [("-", "risk")]))({"risk": "odd"})


def test_the_default_is_the_output_where_no_rule_hits() -> None:
    logic = table(["v"], ["x"], [("1", '"one"')]).replace(
        '<output name="x" ></output>',
        '<output name="x"><defaultOutputEntry><text>"other"</text></defaultOutputEntry></output>',
    )

    assert made(logic)({"v": 1}) == "one"
    assert made(logic)({"v": 2}) == "other"


# -- hit policies


def test_unique_takes_the_only_hit_and_names_the_rules_where_there_are_several() -> None:
    unique = by_amount("UNIQUE", OVERLAPPING)

    assert unique({"amount": 11}) == "some"
    assert unique({"amount": 1}) is None
    with pytest.raises(dmn.DecisionFailed, match="rules 1, 2 and 3 hit, but the hit policy is UNIQUE"):
        unique({"amount": 101})


def test_a_table_that_names_no_hit_policy_is_unique() -> None:
    with pytest.raises(dmn.DecisionFailed, match="UNIQUE"):
        made(table(["amount"], ["x"], OVERLAPPING))({"amount": 101})


def test_first_takes_the_first_in_rule_order_and_looks_no_further() -> None:
    first = by_amount("FIRST", [("> 100", '"many"'), ("> 10", '"some"'), ("=$error('never')", "1")])

    assert first({"amount": 101}) == "many"
    assert first({"amount": 11}) == "some"


def test_any_takes_one_of_several_that_agree_and_names_two_that_do_not() -> None:
    agree = by_amount("ANY", [("> 10", '"yes"'), ("> 100", '"yes"'), ("> 1000", '"no"')])

    assert agree({"amount": 101}) == "yes"
    with pytest.raises(dmn.DecisionFailed, match="rules 1 and 3 hit and differ, but the hit policy is ANY"):
        agree({"amount": 1001})


def test_priority_takes_the_hit_that_comes_first_in_the_output_values() -> None:
    rows = [("> 10", '"some"'), ("> 100", '"many"'), ("> 100", '"lots"')]
    priority = by_amount("PRIORITY", rows, ('result: string | "lots","many","some"',))

    assert priority({"amount": 101}) == "lots"
    assert priority({"amount": 11}) == "some"
    assert priority({"amount": 1}) is None


def test_priority_of_several_outputs_goes_by_the_first_column_then_the_next() -> None:
    rows = [("-", '"low"', '"b"'), ("-", '"high"', '"b"'), ("-", '"high"', '"a"')]
    outputs = ('risk | "high","low"', 'group | "a","b"')

    assert by_amount("PRIORITY", rows, outputs)({}) == {"risk": "high", "group": "a"}
    assert [row["risk"] + row["group"] for row in by_amount("OUTPUT ORDER", rows, outputs)({})] == [
        "higha",
        "highb",
        "lowb",
    ]


@pytest.mark.parametrize("policy", ["COLLECT", "RULE ORDER"])
def test_collect_and_rule_order_list_every_hit_in_rule_order(policy: str) -> None:
    collect = by_amount(policy, OVERLAPPING)

    assert collect({"amount": 101}) == ["some", "many", "lots"]
    assert collect({"amount": 1}) == []


@pytest.mark.parametrize(
    ("aggregation", "some", "none"), [("SUM", 0.6, None), ("MIN", 0.1, None), ("MAX", 0.3, None), ("COUNT", 3, 0)]
)
def test_collect_aggregates(aggregation: str, some: Any, none: Any) -> None:
    rows = [("> 1", "0.2"), ("> 1", "0.1"), ("> 1", "0.3")]
    logic = table(["amount"], ["x"], rows, f'hitPolicy="COLLECT" aggregation="{aggregation}"')

    assert made(logic)({"amount": 2}) == some
    assert made(logic)({"amount": 1}) == none


@pytest.mark.parametrize("aggregation", ["SUM", "MIN", "MAX"])
def test_what_cannot_be_aggregated_is_an_error_that_names_the_rule(aggregation: str) -> None:
    logic = table(["1"], ["x"], [("-", "1"), ("-", "v")], f'hitPolicy="COLLECT" aggregation="{aggregation}"')

    with pytest.raises(dmn.DecisionFailed, match="2"):
        made(logic)({"v": "a"})


# -- graphs


def test_required_decisions_are_made_first_and_seen_by_name_and_id() -> None:
    # given
    xml = file(
        decision("price", formula("base * (1 - discount) + `Shipping costs`"), "discount", "shipping"),
        decision("discount", table(["level"], ["x"], [('"gold"', "0.1"), ('"none"', "0")]), "level"),
        decision("level", formula('orders > 10 ? "gold" : "none"')),
        decision("shipping", formula("base > 50 ? 0 : 5"), name="Shipping costs"),
    )
    decisions = dmn.parse(xml, compile=expressions.compile)

    # then
    assert list(decisions) == ["price", "discount", "level", "shipping"]
    assert decisions["price"]({"base": 100, "orders": 11}) == 90
    assert decisions["price"]({"base": 10, "orders": 1}) == 15
    assert decisions["discount"]({"orders": 11}) == 0.1


def test_only_the_results_of_what_is_required_are_seen() -> None:
    xml = file(
        decision("top", formula("middle"), "middle"),
        decision("middle", formula("top ? top : low"), "low"),
        decision("low", formula('"low"')),
    )

    assert dmn.parse(xml, compile=expressions.compile)["top"]({}) == "low"


def test_a_failure_names_the_decision_that_is_at_fault() -> None:
    xml = file(decision("a", formula("b"), "b"), decision("b", table(["1"], ["x"], [("-", "1"), ("-", "2")])))

    with pytest.raises(dmn.DecisionFailed, match=r"^decision b: rules 1 and 2 hit"):
        dmn.parse(xml, compile=expressions.compile)["a"]({})


def test_a_decision_is_pure_and_keeps_nothing_between_calls() -> None:
    variables = {"level": "gold", "nested": {"a": [1]}}
    level = made(table(["level"], ["x"], [('"gold"', "nested")]))

    assert level(variables) == {"a": [1]}
    assert level({"level": "none"}) is None
    assert variables == {"level": "gold", "nested": {"a": [1]}}


def test_a_literal_expression_has_the_type_of_its_variable() -> None:
    xml = file('<decision id="d"><variable name="v" typeRef="number"/>' + formula("x") + "</decision>")
    found = dmn.parse(xml, compile=expressions.compile)["d"]

    assert found({"x": 1}) == 1
    with pytest.raises(dmn.DecisionFailed, match="is no number"):
        found({"x": "1"})
