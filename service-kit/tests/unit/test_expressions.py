"""JSONata as the hub uses it: deterministic, limited, and honest about numbers."""

import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonata import Jsonata  # type: ignore[import-untyped]

from service_kit import expressions
from service_kit.expressions import ExpressionFailed, ExpressionSyntaxError

DOCUMENTS = st.fixed_dictionaries(
    {
        "number": st.text(max_size=8),
        "amount": st.integers(-(10**6), 10**6),
        "lines": st.lists(
            st.fixed_dictionaries({"sku": st.sampled_from("ABC"), "qty": st.integers(0, 99)}), max_size=4
        ),
    }
)


@pytest.mark.parametrize(
    "source",
    [
        "amount > 5 and number != ''",
        "$sum(lines.qty)",
        "$count(lines[qty > 10])",
        '[lines.{"sku": sku, "qty": qty * 2}]',
        '{"n": number, "all": $join(lines.sku, "-")}',
        "$map(lines, function($line) { $line.qty + 1 })",
        "lines^(>qty).sku",
        "$uppercase(number) & '/' & $string(amount)",
        'amount < 0 ? "credit" : "debit"',
        "$exists(nothing) or $boolean(lines)",
        "$distinct(lines.sku)",
        "lines{sku: $sum(qty)}",
    ],
)
@given(document=DOCUMENTS)
def test_it_agrees_with_another_implementation(source: str, document: dict[str, Any]) -> None:
    # when
    ours = expressions.compile(source)(document)

    # then
    assert ours == Jsonata(source).evaluate(document)


@pytest.mark.parametrize(
    ("source", "position"), [("a ++ b", 3), ("a +", 3), ('"abc', 4), ("{'a':}", 5), ("a.b.(c d)", 7), ("", 0)]
)
def test_a_syntax_error_names_the_position(source: str, position: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as error:
        expressions.compile(source)

    assert error.value.position == position


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_an_integer_that_would_lose_digits_is_refused_in_the_input(number: int) -> None:
    with pytest.raises(ExpressionFailed, match="carry it as a string"):
        expressions.compile("a")({"a": [{"b": number}]})


def test_an_integer_that_would_lose_digits_is_refused_in_the_result() -> None:
    with pytest.raises(ExpressionFailed, match="carry it as a string"):
        expressions.compile("a + 1")({"a": 2**53 - 1})


def test_an_integer_that_would_lose_digits_is_refused_in_the_source_and_fine_as_a_string() -> None:
    with pytest.raises(ExpressionSyntaxError, match="write it as a string"):
        expressions.compile("id = 12345678901234567890")

    assert expressions.compile('"12345678901234567890"')(None) == "12345678901234567890"


@pytest.mark.parametrize(
    "source",
    [
        "$random()",
        "$shuffle([1, 2])",
        '$eval("1")',
        "($r := $random; $r())",
        "$now()",
        "$millis()",
        "$toMillis('12:00', '[H01]:[m01]')",
    ],
)
def test_what_would_differ_from_call_to_call_is_refused(source: str) -> None:
    with pytest.raises(ExpressionFailed):
        expressions.compile(source)({})


def test_the_clock_is_the_binding_now() -> None:
    evaluate = expressions.compile('$now() & " " & $string($millis()) & " " & $now("[Y]")')

    assert evaluate(None, {"now": 0}) == "1970-01-01T00:00:00.000Z 0 1970"


@pytest.mark.parametrize(
    "source",
    [
        "($forever := function($n) { $forever($n + 1) }; $forever(0))",
        "($deep := function($n) { 1 + $deep($n + 1) }; $deep(0))",
        "[1..1000000]",
        '$pad("a", 1000000)',
        "1/0",
    ],
)
def test_what_would_not_end_or_fit_fails(source: str) -> None:
    with pytest.raises(ExpressionFailed):
        expressions.compile(source)({})


LARGE = "x" * 200_000


@pytest.mark.parametrize(
    "source",
    [
        "$length($join([1..1000].('x'), large))",
        "$length([1..1000].('x') ~> $join(large))",
        "$length($join([1..10000].$$.large))",
        "($glue := $join; $length($glue([1..1000].('x'), large)))",
        "$length($replace(large, /x/, large))",
        "$length($replace(large, 'x', large))",
        "$length($replace(large, /x/, function($m) { $$.large }))",
        "$length($replace(large, /x*/, '" + "$0" * 60 + "'))",
        "$length($string([1..10000].$$.large))",
        "$map([1..10000], function($i) { $pad('x', 10000) })",
        "$count($split(large, ''))",
        "$count($split(large, /x/))",
        "$count($match(large, /x/))",
        "$formatNumber(1, large)",
        "$formatInteger(1, large)",
        "$fromMillis(1, large)",
        "$toMillis('1', '[Y]' & large)",
        "$now(large)",
        "$formatInteger(9000000000000000, 'I')",
    ],
)
def test_what_would_grow_out_of_bounds_in_one_step_fails_at_once(source: str) -> None:
    with pytest.raises(ExpressionFailed, match=r"limited to|may make|timeout"):
        expressions.compile(source)({"large": LARGE}, {"now": 0})


def test_what_was_made_before_does_not_count() -> None:
    # given
    evaluate = expressions.compile("$length($join([large, large], large))")

    # when / then
    for _ in range(50):
        assert evaluate({"large": LARGE}) == 600_000


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("$join(words)", "onetwo"),
        ("words ~> $join('-')", "one-two"),
        ("$join(nothing)", None),
        ("$replace('abab', /a(b)/, '<$1>')", "<b><b>"),
        ("$replace('abab', 'a', 'x', 1)", "xbab"),
        ("$replace('abab', /a/, function($m) { $m.match & '!' }, 1)", "a!bab"),
        ("words.$replace('o', '0')", ["0ne", "tw0"]),
        ("$map([1, 2], $string)", ["1", "2"]),
        ("words.$string()", ["one", "two"]),
        ("$string(words)", '["one","two"]'),
        ("$string(nothing)", None),
        ("$split('a,b,c', ',', 2)", ["a", "b"]),
        ("$match('abab', /a(b)/).groups", ["b", "b"]),
        ("$formatNumber(1234.5, '#,##0.00')", "1,234.50"),
        ("$formatInteger(1999, 'I')", "MCMXCIX"),
        ("$parseInteger('XII', 'I')", 12),
        ("$fromMillis(0, nothing, '+0100')", "1970-01-01T01:00:00.000+01:00"),
        ("($native := 5; $join(words, '/'))", "one/two"),
    ],
)
def test_what_is_limited_works_as_ever_within_the_limits(source: str, result: Any) -> None:
    assert expressions.compile(source)({"words": ["one", "two"]}) == result


def test_padding_within_the_bound_works_on_both_sides() -> None:
    assert expressions.compile('[$pad("a", 3), $pad("a", -3, "0"), $pad("abc", 2)]')({}) == ["a  ", "00a", "abc"]


def test_one_compiled_expression_serves_all_threads() -> None:
    # given
    evaluate = expressions.compile("a + $b")
    results: list[Any] = []

    # when
    threads = [threading.Thread(target=lambda n=n: results.append(evaluate({"a": n}, {"b": 1}))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # then
    assert sorted(results) == list(range(1, 21))


@pytest.mark.parametrize("value", [(1, 2), b"x", object(), float("nan"), float("inf")])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ExpressionFailed, match="no JSON"):
        expressions.compile("a")({"a": value})


def test_nesting_is_bounded() -> None:
    # given
    value: Any = 1
    for _ in range(1000):
        value = [value]

    # when / then
    with pytest.raises(ExpressionFailed, match="too deeply"):
        expressions.compile("$")(value)


def test_what_is_undefined_is_none() -> None:
    assert expressions.compile("a.b.c")({"a": 1}) is None


def test_a_list_of_one_stays_a_list_where_the_mapping_says_so() -> None:
    document = {"lines": [{"sku": "A"}]}

    assert expressions.compile('[lines.{"sku": sku}]')(document) == [{"sku": "A"}]
    assert expressions.compile("lines.sku")(document) == "A"


STOPPED_NOW_AND_THEN = """
from service_kit import expressions

slow = expressions.compile("$sum($map([1..6000], function($n) { $n * 2 }))")
print("ready", flush=True)
for _ in range(40):
    assert slow({}) == 36006000
"""


def test_an_expression_does_not_fail_because_the_machine_does_something_else() -> None:
    # given
    with subprocess.Popen([sys.executable, "-c", STOPPED_NOW_AND_THEN], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        # when
        while child.poll() is None:
            child.send_signal(signal.SIGSTOP)
            threading.Event().wait(0.15)  # longer than the limit
            child.send_signal(signal.SIGCONT)
            threading.Event().wait(0.05)

    # then
    assert child.returncode == 0
