from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_coordinator.dmn import unary
from saga_coordinator.dmn.table import NOWHERE
from saga_coordinator.dmn.values import Kind, typed


def holds(cell: str, value: Any, kind: Kind | None = None) -> bool:
    return unary.read(cell, kind).holds(typed(value, kind), NOWHERE)


@pytest.mark.parametrize(
    ("cell", "yes", "no"),
    [
        ("-", [None, 1, "a", []], []),
        ("", [None, 1, "a"], []),
        ("10", [10, 10.0], [11, "10", True, None]),
        ("-1.5", [-1.5], [1.5]),
        ("1", [1], [True]),
        ("< 10", [9, -1], [10, 11, None, "9"]),
        ("<=10", [10], [10.01]),
        ("> 10", [11], [10]),
        (">= 10", [10], [9]),
        ("!= 10", [9, "10", None], [10]),
        ("[1..10)", [1, 9.99], [0, 10]),
        ("]1..10]", [1.01, 10], [1]),
        ("(1..10[", [5], [1, 10]),
        ("[1 .. 10]", [1, 10], [0, 11, None]),
        ("1,3,5", [1, 3, 5], [2]),
        ("< 0, [10..20], 99", [-1, 15, 99], [5]),
        ("not(1, 3)", [2, None], [1, 3]),
        ("not([1..10])", [0], [5]),
        ('"a"', ["a"], ["b", None]),
        ('"a","b"', ["a", "b"], ["c"]),
        ('"a, b"', ["a, b"], ["a"]),
        ('"say \\"hi\\"", "not(1)"', ['say "hi"', "not(1)"], ["say"]),
        ('not("a", "b")', ["c"], ["a"]),
        ('>= "b"', ["b", "c"], ["a"]),
        ("true", [True], [False, 1]),
        ("false", [False], [True, 0, None]),
        ("null", [None], [0, "", False]),
        ("not(null)", [0], [None]),
        ('date("2026-01-01")', ["2026-01-01"], ["2026-01-02", "soon", None]),
        ('< date("2026-01-01")', ["2025-12-31"], ["2026-01-01"]),
        ('[date("2026-01-01")..date("2026-12-31")]', ["2026-01-01", "2026-12-31"], ["2027-01-01"]),
        ('@"2026-01-01"', ["2026-01-01"], ["2026-01-02"]),
        (
            '> date and time("2026-01-01T08:00:00+08:00")',
            ["2026-01-01T00:00:01Z"],
            ["2026-01-01T00:00:00Z", "2025-12-31T20:00:00-04:00"],
        ),
        ('< time("17:30:00")', ["17:29:59"], ["17:30:00"]),
        ('> duration("P1D")', ["PT25H"], ["PT24H"]),
    ],
)
def test_a_cell_holds_for_what_it_says_and_nothing_else(cell: str, yes: list[Any], no: list[Any]) -> None:
    assert [value for value in yes if not holds(cell, value)] == []
    assert [value for value in no if holds(cell, value)] == []


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.DATE_TIME])
def test_a_date_stands_for_its_midnight_beside_a_date_and_time(kind: Kind) -> None:
    assert holds('>= date("2026-01-01")', "2026-01-01T00:00:00Z", kind)
    assert not holds('> date and time("2026-01-01T00:00:00Z")', "2026-01-01T00:00:00Z", kind)


@pytest.mark.parametrize(
    ("cell", "kind", "reason"),
    [
        ("gold", None, "a text stands in quotes"),
        ("> limit", None, "is no unary test"),
        ('"a" "b"', None, "is no unary test"),
        ("1,", None, "ends too early"),
        ("[10..1]", None, "is no range"),
        ('[1.."b"]', None, "is no range"),
        ("[1..10", None, "is no unary test"),
        ("< true", None, "has no order"),
        ("< null", None, "has no order"),
        ('date("soon")', None, "no ISO 8601"),
        ('duration("P1M")', None, "no fixed length"),
        ('"a"', Kind.NUMBER, "the column holds a number"),
        ("1", Kind.STRING, "the column holds a string"),
        ('"2026-01-01"', Kind.DATE, 'write date("2026-01-01")'),
        ('not("a", 1)', Kind.STRING, "the column holds a string"),
        ("10abc", None, "is no unary test"),
        ("9007199254740993", None, "write it as a text"),
        ("> " + "9" * 5_000, None, "write it as a text"),
        ('duration("P99999999999999D")', None, "is no duration"),
    ],
)
def test_what_is_no_unary_test_is_refused_with_a_reason(cell: str, kind: Kind | None, reason: str) -> None:
    with pytest.raises(unary.BadTest, match=reason.replace("(", r"\(").replace(")", r"\)")):
        unary.read(cell, kind)


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5), st.sampled_from("[]("), st.sampled_from("[])"))
def test_a_range_is_the_numbers_between_its_ends(low: int, width: int, value: int, begin: str, end: str) -> None:
    high = low + abs(width)

    found = holds(f"{begin}{low}..{high}{end}", value)

    assert found == (
        (low <= value if begin == "[" else low < value) and (value <= high if end == "]" else value < high)
    )


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(max_size=5))
def test_any_text_can_be_written_in_a_cell(text: str, other: str) -> None:
    written = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    assert holds(written, text)
    assert holds(f"not({written})", other) == (text != other)


PIECES = [
    "not(",
    ")",
    "[",
    "]",
    "(",
    "..",
    ",",
    "<",
    ">=",
    "-",
    "1",
    ".5",
    '"a"',
    '"',
    "null",
    "true",
    'date("2026-01-01")',
    " ",
]
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just("2026-01-01"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=20), json)
def test_a_cell_is_refused_or_has_an_answer_for_every_value(cell: str, value: Any) -> None:
    try:
        test = unary.read(cell)
    except unary.BadTest:
        return

    assert test.holds(value, NOWHERE) in {True, False}
