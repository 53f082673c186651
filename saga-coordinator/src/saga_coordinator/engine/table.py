"""Large tables of a state: a copy shares its pages with the original, and only pages that change are made anew.

A state is forked for every input. Copying a plain dictionary is the cheapest way to do that while it is small; for a
multi-instance of a thousand items it would make every item as expensive as all the others together.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, TypeVar, cast

V = TypeVar("V")

LARGE = 256
_BITS = 6  # 64 ids a page


class Table(MutableMapping[int, V], Generic[V]):
    """Values by id, page by page. Ids only grow, so the order is that of their making. Made of another table it shares
    every page with that, until one of the two changes it."""

    __slots__ = ("_own", "_pages")

    def __init__(self, values: "dict[int, V] | Table[V]") -> None:
        self._own: set[int] = set()
        self._pages: dict[int, dict[int, V]] = {}
        if isinstance(values, Table):
            values._own.clear()  # from now on its pages belong to both
            self._pages = values._pages.copy()
            return
        for id_, value in values.items():
            self._pages.setdefault(id_ >> _BITS, {})[id_] = value

    def __getitem__(self, id_: int) -> V:
        return self._pages[id_ >> _BITS][id_]

    def __setitem__(self, id_: int, value: V) -> None:
        self._page(id_)[id_] = value

    def __delitem__(self, id_: int) -> None:
        page = self._page(id_)
        del page[id_]
        if not page:
            del self._pages[id_ >> _BITS]

    def _page(self, id_: int) -> dict[int, V]:
        number = id_ >> _BITS
        if number not in self._own:
            self._pages[number] = self._pages.get(number, {}).copy()
            self._own.add(number)
        return self._pages.setdefault(number, {})

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, int) and id_ in self._pages.get(id_ >> _BITS, ())

    def __iter__(self) -> Iterator[int]:
        for page in self._pages.values():
            yield from page

    def __len__(self) -> int:
        return sum(map(len, self._pages.values()))


def copied(values: dict[int, V]) -> dict[int, V]:
    """A copy that costs about the same whatever the size: a large dictionary becomes a `Table`, which behaves alike."""
    if type(values) is dict and len(values) < LARGE:
        return values.copy()
    return cast("dict[int, V]", Table(values))


def plain(value: Any) -> Any:
    """For encoders: a table as the dictionary that it stands for. Raises `TypeError` for anything else."""
    if isinstance(value, Table):
        return dict(value)
    raise TypeError(f"a state holds no {type(value).__name__}")
