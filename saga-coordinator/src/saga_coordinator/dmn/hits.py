"""Hit policies: what becomes of the rules that hit (DMN 1.3, 8.2.8)."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from saga_coordinator.dmn import values
from saga_coordinator.dmn.failing import DecisionFailed


class Policy(StrEnum):
    """By their names in the file."""

    UNIQUE = "UNIQUE"
    FIRST = "FIRST"
    ANY = "ANY"
    PRIORITY = "PRIORITY"
    COLLECT = "COLLECT"
    RULE_ORDER = "RULE ORDER"
    OUTPUT_ORDER = "OUTPUT ORDER"


RANKED = frozenset({Policy.PRIORITY, Policy.OUTPUT_ORDER})


class Hit(msgspec.Struct, frozen=True):
    """A rule that hit: its output cells, and the value or object that they make."""

    rule: int
    cells: tuple[Any, ...]
    value: Any


class Found(msgspec.Struct, frozen=True):
    """All hits in rule order, with each output column's values in order of priority, and COLLECT's aggregation."""

    hits: list[Hit]
    rankings: tuple[tuple[Any, ...], ...]
    aggregation: str = ""


def _unique(found: Found) -> Any:
    if len(found.hits) > 1:
        raise DecisionFailed(f"{_rules(found.hits)} hit, but the hit policy is UNIQUE")
    return _first(found)


def _first(found: Found) -> Any:
    return found.hits[0].value if found.hits else None


def _any(found: Found) -> Any:
    for hit in found.hits[1:]:
        if hit.value != found.hits[0].value:
            raise DecisionFailed(f"rules {found.hits[0].rule} and {hit.rule} hit and differ, but the hit policy is ANY")
    return _first(found)


def _priority(found: Found) -> Any:
    ranked = _ranked(found)
    return ranked[0].value if ranked else None


def _output_order(found: Found) -> Any:
    return [hit.value for hit in _ranked(found)]


def _collect(found: Found) -> Any:
    aggregate = _AGGREGATIONS.get(found.aggregation)
    return aggregate(found.hits) if aggregate is not None else [hit.value for hit in found.hits]


def _ranked(found: Found) -> list[Hit]:
    """Highest priority first: by the first column that has an order, then the next. Equal ones stay in rule order."""

    def rank(hit: Hit) -> list[int]:
        return [_place(hit, cell, ranking) for cell, ranking in zip(hit.cells, found.rankings, strict=True) if ranking]

    return sorted(found.hits, key=rank)


def _place(hit: Hit, cell: Any, ranking: tuple[Any, ...]) -> int:
    for place, value in enumerate(ranking):
        if values.same(cell, value):
            return place
    raise DecisionFailed(f"rule {hit.rule}: {cell!r} is not one of the output values, and so has no priority")


def _sum(found: list[Hit]) -> Any:
    """In decimals: 0.1 and 0.2 are 0.3."""
    if not found:
        return None
    total = sum((Decimal(str(_number(hit))) for hit in found), Decimal(0))
    return int(total) if total == total.to_integral_value() else float(total)


def _number(hit: Hit) -> int | float:
    if values.kind_of(hit.value) is not values.Kind.NUMBER:
        raise DecisionFailed(f"rule {hit.rule}: {hit.value!r} is no number and cannot be summed up")
    return hit.value  # type: ignore[no-any-return]


def _extreme(sign: int) -> Callable[[list[Hit]], Any]:
    def pick(found: list[Hit]) -> Any:
        best: Hit | None = None
        for hit in found:
            order = values.compared(hit.value, (best or hit).value)
            if order is None:
                raise DecisionFailed(f"{_rules([best or hit, hit])}: {hit.value!r} cannot be compared")
            if best is None or order * sign > 0:
                best = hit
        return best.value if best is not None else None

    return pick


def _rules(found: list[Hit]) -> str:
    numbers = list(dict.fromkeys(str(hit.rule) for hit in found))
    if len(numbers) == 1:
        return f"rule {numbers[0]}"
    return f"rules {', '.join(numbers[:-1])} and {numbers[-1]}"


_AGGREGATIONS: dict[str, Callable[[list[Hit]], Any]] = {
    "SUM": _sum,
    "MIN": _extreme(-1),
    "MAX": _extreme(1),
    "COUNT": len,
}
AGGREGATIONS = frozenset(_AGGREGATIONS)
POLICIES: dict[Policy, Callable[[Found], Any]] = {
    Policy.UNIQUE: _unique,
    Policy.FIRST: _first,
    Policy.ANY: _any,
    Policy.PRIORITY: _priority,
    Policy.COLLECT: _collect,
    Policy.RULE_ORDER: _collect,
    Policy.OUTPUT_ORDER: _output_order,
}
