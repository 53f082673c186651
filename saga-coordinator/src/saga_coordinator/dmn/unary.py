"""Unary tests: what an input cell says of its input (DMN 1.3, 7.3.6 and 10.3.1, FEEL grammar rules 7 to 18).

-                      anything (so does an empty cell)
10  "a"  true  null    equal
< 10  >= date("2026-01-01")  != "a"
[1..10)  ]1..10]       between; a bracket turned outwards, or a round one, leaves its end out
"a", "b", > "x"        one of them
not("a", "b")          none of them
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from saga_coordinator.dmn import values
from saga_coordinator.dmn.scene import Scene
from saga_coordinator.dmn.values import LITERAL, BadValue, Kind


class BadTest(ValueError):
    """The cell is no unary test; the message is for its author."""


class Test(Protocol):
    """What a cell of an input column says."""

    def holds(self, value: Any, scene: Scene) -> bool:
        """Whether the input has a value that the cell wants. Raises `DecisionFailed`."""


class Anything(msgspec.Struct, frozen=True):
    """An empty cell, or a dash."""

    def holds(self, value: Any, scene: Scene) -> bool:
        """Always."""
        return True


class Comparison(msgspec.Struct, frozen=True):
    """`operator` is one of = != < <= > >=. Null is equal to null only, and has no order."""

    operator: str
    bound: Any

    @property
    def bounds(self) -> tuple[Any, ...]:
        """The values that it compares with."""
        return (self.bound,)

    def holds(self, value: Any, scene: Scene) -> bool:
        """Compare."""
        if self.operator in _EQUALITY:
            return values.same(value, self.bound) is _EQUALITY[self.operator]
        order = values.compared(value, self.bound)
        return order is not None and _ORDER[self.operator](order)


class Between(msgspec.Struct, frozen=True):
    """From `low` to `high`, without an end that is open."""

    low: Comparison
    high: Comparison

    @property
    def bounds(self) -> tuple[Any, ...]:
        """Its two ends."""
        return (self.low.bound, self.high.bound)

    def holds(self, value: Any, scene: Scene) -> bool:
        """Whether the value lies between the ends."""
        return self.low.holds(value, scene) and self.high.holds(value, scene)


class OneOf(msgspec.Struct, frozen=True):
    """One of the tests holds; `wanted` False: none of them does."""

    tests: tuple[Comparison | Between, ...]
    wanted: bool = True

    @property
    def bounds(self) -> tuple[Any, ...]:
        """Everything that it compares with."""
        return tuple(bound for test in self.tests for bound in test.bounds)

    @property
    def listed(self) -> tuple[Any, ...] | None:
        """The values of a plain list of values; None for anything else."""
        plain = all(isinstance(test, Comparison) and test.operator == "=" for test in self.tests)
        return self.bounds if plain and self.wanted else None

    def holds(self, value: Any, scene: Scene) -> bool:
        """Whether one of them holds."""
        return any(test.holds(value, scene) for test in self.tests) is self.wanted


_EQUALITY = {"=": True, "!=": False}
_ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_COMPARISON = re.compile(rf"(?P<operator><=|>=|!=|<|>|=)?\s*(?P<bound>{LITERAL})")
_BETWEEN = re.compile(rf"(?P<open>[\[\](])\s*(?P<low>{LITERAL})\s*\.\.\s*(?P<high>{LITERAL})\s*(?P<close>[\[\])])")
_NOT = re.compile(r"not\s*\((?P<inside>.*)\)", re.DOTALL)
_COMMA = re.compile(r"\s*(,|$)\s*")


def read(source: str, kind: Kind | None = None) -> Anything | OneOf:
    """Parse a cell of a column of this kind. Raises `BadTest`."""
    text = source.strip()
    if text in {"", "-"}:
        return Anything()
    negated = _NOT.fullmatch(text)
    test = OneOf(tuple(_tests(negated["inside"] if negated else text)), wanted=negated is None)
    for bound in test.bounds:
        _check_kind(bound, kind)
    return test


def _tests(text: str) -> Iterator[Comparison | Between]:
    at = len(text) - len(text.lstrip())
    while True:
        test, at = _one(text, at)
        yield test
        comma = _COMMA.match(text, at)
        if comma is None:
            raise BadTest(_told(text, at))
        at = comma.end()
        if not comma[1]:
            return


def _one(text: str, at: int) -> tuple[Comparison | Between, int]:
    between, comparison = _BETWEEN.match(text, at), _COMPARISON.match(text, at)
    if between is not None:
        return _between(between), between.end()
    if comparison is None:
        raise BadTest(_told(text, at))
    operator, bound = comparison["operator"] or "=", _literal(comparison["bound"])
    if operator in _ORDER and values.compared(bound, bound) is None:
        raise BadTest(f"{comparison[0]!r}: {comparison['bound']} has no order")
    return Comparison(operator, bound), comparison.end()


def _between(match: re.Match[str]) -> Between:
    low = Comparison(">=" if match["open"] == "[" else ">", _literal(match["low"]))
    high = Comparison("<=" if match["close"] == "]" else "<", _literal(match["high"]))
    order = values.compared(low.bound, high.bound)
    if order is None or order > 0:
        raise BadTest(f"{match[0]!r} is no range: {match['low']} does not come before {match['high']}")
    return Between(low, high)


def _literal(text: str) -> Any:
    try:
        return values.literal(text)
    except BadValue as error:
        raise BadTest(str(error)) from None


_RELATED = {Kind.DATE: {Kind.DATE, Kind.DATE_TIME}, Kind.DATE_TIME: {Kind.DATE, Kind.DATE_TIME}}


def _check_kind(bound: Any, kind: Kind | None) -> None:
    found = values.kind_of(bound)
    if kind is None or found is None or found in _RELATED.get(kind, {kind}):
        return
    hint = f': write {kind}("{bound}")' if found is Kind.STRING and kind in _WRITTEN else ""
    raise BadTest(f"{values.plain(bound)!r} is a {found}, but the column holds a {kind}{hint}")


_WRITTEN = {Kind.DATE, Kind.DATE_TIME, Kind.TIME, Kind.DURATION}


def _told(text: str, at: int) -> str:
    rest = text[at:].strip()
    where = f"{rest!r} is no unary test" if rest else f"{text!r} ends too early"
    if re.fullmatch(r"[\w .]+", rest) and not rest[0].isdigit():
        return (
            f'{where}: a text stands in quotes ("{rest}"), and an expression in a cell of expressionLanguage="jsonata"'
        )
    return where
