"""Orders in which parts may interleave: `[a, {any: [[b1, b2], [c1]]}, d]`."""

from functools import cache
from typing import Any

Pattern = tuple[Any, ...]


def matches(expected: list[Any], actual: list[str]) -> bool:
    """Whether `actual` is one of the orders that `expected` allows."""
    return len(actual) in _ends(_frozen(expected), tuple(actual), 0)


def flat(expected: list[Any]) -> list[str]:
    """One of the orders that `expected` allows."""
    order: list[str] = []
    for item in expected:
        if isinstance(item, dict):
            order += [element for branch in item["any"] for element in flat(branch)]
        else:
            order.append(str(item))
    return order


def _frozen(expected: list[Any]) -> Pattern:
    return tuple(
        frozenset({("any", tuple(_frozen(branch) for branch in item["any"]))}) if isinstance(item, dict) else str(item)
        for item in expected
    )


def _ends(pattern: Pattern, actual: tuple[str, ...], begin: int) -> set[int]:
    """Where a match of the pattern that begins at `begin` can end: the branches left are shuffled step by step."""

    @cache
    def walk(rest: Pattern, at: int) -> frozenset[int]:
        if not rest:
            return frozenset({at})
        found: set[int] = set()
        for following in _next(rest, actual[at] if at < len(actual) else None):
            taken, remaining = following
            found |= walk(remaining, at + taken)
        return frozenset(found)

    return set(walk(pattern, begin))


def _next(pattern: Pattern, element: str | None) -> list[tuple[int, Pattern]]:
    """What may be left of a pattern after taking `element` (1), or after dropping an empty part (0)."""
    head, rest = pattern[0], pattern[1:]
    if isinstance(head, str):
        return [(1, rest)] if head == element else []
    ((_, branches),) = head
    alive = tuple(branch for branch in branches if branch)
    if not alive:
        return [(0, rest)]
    found: list[tuple[int, Pattern]] = []
    for number, branch in enumerate(alive):
        for taken, remaining in _next(branch, element):
            left = (*alive[:number], remaining, *alive[number + 1 :])
            found.append((taken, (frozenset({("any", left)}), *rest)))
    return found
