"""Runs parsed queries on the books, and keeps the pages of long results."""

from collections import OrderedDict
from dataclasses import dataclass
from secrets import token_hex
from threading import Lock
from typing import Any

from sandbox.crm.books import CrmBooks
from sandbox.crm.errors import SalesforceError
from sandbox.crm.schema import SOBJECTS, SObject
from sandbox.crm.soql import Condition, Query
from sandbox.crm.values import Record, render

KEPT_CURSORS = 100


class Search:
    """Finds records; one object per request, because it remembers related records."""

    def __init__(self, books: CrmBooks, base: str) -> None:
        self._books, self._base = books, base
        self._related: dict[tuple[str, str], Record] = {}

    def run(self, query: Query) -> list[Record]:
        """The rendered records."""
        found = self._books.find(query.sobject, _narrow(query))
        return [self._rendered(query, record) for record in self._arranged(query, found)]

    def attributes(self, sobject: SObject, id_: str) -> Record:
        """The `attributes` of a record."""
        return {"type": sobject.name, "url": f"{self._base}/sobjects/{sobject.name}/{id_}"}

    def _arranged(self, query: Query, found: list[Record]) -> list[Record]:
        def meets(record: Record) -> bool:
            return all(c.holds(self._value(query.sobject, record, c.path)) for c in query.conditions)

        chosen = [record for record in found if meets(record)]
        for path, descending in reversed(query.order):
            chosen.sort(key=lambda record: _sortable(self._value(query.sobject, record, path)), reverse=descending)
        return chosen[: query.limit]

    def _rendered(self, query: Query, record: Record) -> Record:
        rendered: Record = {"attributes": self.attributes(query.sobject, record["Id"])}
        for path in query.paths:
            self._place(rendered, query.sobject, record, path)
        for name, child in query.children.items():
            rendered[name] = self._children(record, child)
        return rendered

    def _place(self, target: Record, sobject: SObject, record: Record, path: str) -> None:
        head, dot, rest = path.partition(".")
        if not dot:
            target[head] = render(sobject, head, record[head])
            return
        related_type, related = self._follow(sobject, record, head)
        if related is None:
            target[head] = None
            return
        nested = target.setdefault(head, {"attributes": self.attributes(related_type, related["Id"])})
        self._place(nested, related_type, related, rest)

    def _children(self, record: Record, child: Query) -> Record | None:
        rows = self._arranged(child, self._books.find(child.sobject, {"parent": record["Id"]}))
        if not rows:
            return None
        return {"totalSize": len(rows), "done": True, "records": [self._rendered(child, row) for row in rows]}

    def _value(self, sobject: SObject, record: Record, path: str) -> Any:
        head, dot, rest = path.partition(".")
        if not dot:
            return record[head]
        related_type, related = self._follow(sobject, record, head)
        return None if related is None else self._value(related_type, related, rest)

    def _follow(self, sobject: SObject, record: Record, relation: str) -> tuple[SObject, Record | None]:
        type_, id_field = sobject.relations[relation]
        id_ = record[id_field]
        if not id_:
            return SOBJECTS[type_], None
        if (type_, id_) not in self._related:
            self._related[type_, id_] = self._books.read(SOBJECTS[type_], id_)
        return SOBJECTS[type_], self._related[type_, id_]


def _narrow(query: Query) -> dict[str, Any]:
    """What the database's indexes can decide; every condition is checked again afterwards."""
    columns = {"Id": "id", "OrderId": "parent"}
    narrowed: dict[str, Any] = {}
    for condition in query.conditions:
        if condition.operator == "=" and condition.path in columns and condition.value:
            narrowed[columns[condition.path]] = condition.value
        if condition.path == "SystemModstamp" and condition.operator in (">", ">="):
            narrowed["stamp_from"] = _later(narrowed.get("stamp_from"), condition)
    return narrowed


def _later(known: int | None, condition: Condition) -> int:
    return max(known or 0, condition.value or 0)


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


@dataclass(frozen=True)
class Page:
    """Some records of a result, and where the next ones are."""

    total: int
    records: list[Record]
    next: str | None


class Cursors:
    """Results that are longer than a page. The oldest are forgotten, as at the vendor's."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, tuple[list[Record], int]] = OrderedDict()
        self._lock = Lock()

    def first_page(self, records: list[Record], size: int) -> Page:
        """The first page of a new result."""
        if len(records) <= size:
            return Page(len(records), records, None)
        name = "01g5e0" + token_hex(6)
        with self._lock:
            self._results[name] = (records, size)
            while len(self._results) > KEPT_CURSORS:
                self._results.popitem(last=False)
        return self.page(f"{name}-0")

    def page(self, locator: str) -> Page:
        """The page that starts at a locator `cursor-offset`."""
        name, _, offset = locator.rpartition("-")
        with self._lock:
            result = self._results.get(name)
        if result is None or not offset.isdigit():
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        records, size = result
        start, end = int(offset), int(offset) + size
        return Page(len(records), records[start:end], f"{name}-{end}" if end < len(records) else None)
