"""The books as values: documents, and the ledger entries that tell what happened to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

SALES_ORDER, RESERVATION, DELIVERY, CRM_ORDER = "sales_order", "reservation", "delivery", "order"
_LISTS = (
    ("erp", "sales_orders", SALES_ORDER),
    ("wms", "reservations", RESERVATION),
    ("wms", "deliveries", DELIVERY),
    ("crm", "orders", CRM_ORDER),
)


@dataclass(frozen=True)
class Document:
    """One document of a business system. `keys` are all business keys that it belongs to."""

    system: str
    kind: str
    id: str
    state: str
    hub_key: str
    keys: frozenset[str]

    @property
    def stands(self) -> bool:
        """Whether its effect is there: it was not cancelled."""
        return self.state not in ("cancelled", "deleted")


@dataclass(frozen=True)
class Entry:
    """One line of a system's ledger."""

    system: str
    kind: str
    seq: int
    action: str
    document: str
    hub_key: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Books:
    """The books of all systems; entries in the order in which they were written, system by system."""

    documents: tuple[Document, ...]
    entries: tuple[Entry, ...]

    def of(self, business_key: str) -> tuple[Document, ...]:
        """The documents that belong to a business key."""
        return tuple(document for document in self.documents if business_key in document.keys)


def fetch_books(admin_url: str, business_key: str | None = None) -> Books:
    """Reads the books from a running sandbox's admin API."""
    query = "" if business_key is None else "?" + urlencode({"business_key": business_key})
    with urlopen(f"{admin_url.rstrip('/')}/_sandbox/books{query}", timeout=30) as answer:  # noqa: S310 - our own sandbox
        return read_books(json.load(answer))


def read_books(body: Mapping[str, Any]) -> Books:
    """The books from their JSON."""
    orders = {order["number"]: frozenset(order["references"]) for order in body["erp"]["sales_orders"]}
    documents = tuple(
        _document(system, kind, row, orders) for system, name, kind in _LISTS for row in body[system][name]
    )
    entries = tuple(_entry(system, row) for system in ("erp", "wms", "crm") for row in body[system]["ledger"])
    return Books(documents, entries)


def _document(system: str, kind: str, row: Mapping[str, Any], orders: Mapping[str, frozenset[str]]) -> Document:
    keys = frozenset(row["references"])
    if system == "wms":  # what belongs to a sales order belongs to its business key
        keys |= orders.get(row["order_no"], frozenset())
    if kind == CRM_ORDER:
        state = row["state"] if row["state"] == "deleted" else row["status"]
        return Document(system, kind, row["id"], state, row["hub_key"], keys)
    return Document(system, kind, row["number"], row["state"], row["hub_key"], keys)


def _entry(system: str, row: Mapping[str, Any]) -> Entry:
    return Entry(system, row["kind"], row["seq"], row["action"], row["document"], row["hub_key"], row["detail"])
