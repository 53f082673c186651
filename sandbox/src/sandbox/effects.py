"""What stands and what was cancelled, counted per business key and per hub key over all books."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

Books = dict[str, Any]
Effects = dict[str, dict[str, Any]]
_COUNTED = (("erp", "sales_orders"), ("wms", "reservations"), ("wms", "deliveries"))


def effects(books: Books) -> dict[str, dict[str, Effects]]:
    """`{"by_business_key": {key: effects}, "by_hub_key": {key: effects}}`, as described in the README."""
    by_business_key: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    by_hub_key: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    references = references_of(books)
    for system, kind, document in _documents(books):
        counted = (system, document["status"] if system == "crm" else f"{kind}_{_standing(document)}")
        for key in references[system, document_id(document)]:
            by_business_key[key][counted] += 1
        if document["hub_key"]:
            by_hub_key[document["hub_key"]][counted] += 1
    return {"by_business_key": _rendered(by_business_key), "by_hub_key": _rendered(by_hub_key)}


def references_of(books: Books) -> dict[tuple[str, str], set[str]]:
    """All keys that a document belongs to; a WMS document also to those of the sales order that it names."""
    orders = {order["number"]: set(order["references"]) for order in books["erp"]["sales_orders"]}
    found = {}
    for system, _, document in _documents(books):
        named = orders.get(document["order_no"], set()) if system == "wms" else set()
        found[system, document_id(document)] = set(document["references"]) | named
    return found


def document_id(document: dict[str, Any]) -> str:
    """The id of a document in its system's ledger."""
    return str(document.get("id") or document["number"])


def _documents(books: Books) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for system, kind in (*_COUNTED, ("crm", "orders")):
        for document in books[system][kind]:
            yield system, kind, document


def _standing(document: dict[str, Any]) -> str:
    return "cancelled" if document["state"] == "cancelled" else "open"


def _rendered(counts: dict[str, Counter[tuple[str, str]]]) -> dict[str, Effects]:
    return {key: _effects(counter.items()) for key, counter in sorted(counts.items())}


def _effects(counts: Iterable[tuple[tuple[str, str], int]]) -> Effects:
    found: Effects = {"erp": {}, "wms": {}, "crm": {"orders_by_status": {}}}
    for system, kind in _COUNTED:
        found[system] |= {f"{kind}_open": 0, f"{kind}_cancelled": 0}
    for (system, name), number in counts:
        target = found["crm"]["orders_by_status"] if system == "crm" else found[system]
        target[name] = number
    return found
