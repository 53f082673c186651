"""Rows of the ERP's books as entities of the service and as entries of the books' JSON."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from sandbox.erp.odata import NOT_FOUND, Entity, ODataError

CURRENCY = "EUR"


def money(cents: int) -> str:
    """`1050` as `10.50`."""
    return f"{Decimal(cents) / 100:.2f}"


def item_number(item: str, order: Entity) -> str:
    """The item's number as the order writes it; 404 where the order has no such item."""
    wanted = item.lstrip("0")
    if wanted not in {line["SalesOrderItem"] for line in order["to_Item"]}:
        raise ODataError(NOT_FOUND, "Resource not found for segment 'A_SalesOrderItemType'", 404)
    return wanted


def check_reversible(row: Row[Any]) -> None:
    """Refuses when a delivery exists."""
    if row.delivery_status in ("B", "C"):
        raise ODataError("V1/801", f"Sales document {row.number} has subsequent documents: change not possible")


def order_entity(row: Row[Any], lines: list[Row[Any]]) -> Entity:
    """An order with its items, values as the books keep them."""
    rejected = row.rejection_status == "C"
    currency = row.fields.get("TransactionCurrency") or CURRENCY
    return {
        **row.fields,
        "SalesOrder": row.number,
        "TransactionCurrency": currency,
        "TotalNetAmount": money(row.open_cents),
        "CreationDate": row.created_ms - row.created_ms % 86_400_000,
        "CreatedByUser": "CC0000000001",
        "LastChangeDateTime": row.changed_ms,
        "OverallSDProcessStatus": "C" if rejected or row.delivery_status == "C" else row.delivery_status,
        "OverallDeliveryStatus": "" if rejected else row.delivery_status,
        "OverallTotalDeliveryStatus": "" if rejected else row.delivery_status,
        "OverallOrdReltdBillgStatus": "" if rejected else "A",
        "OverallSDDocumentRejectionSts": row.rejection_status,
        "changed_ms": row.changed_ms,
        "to_Item": [
            {
                **line.fields,
                "SalesOrder": row.number,
                "NetAmount": money(line.net_cents),
                "TransactionCurrency": currency,
            }
            for line in lines
        ],
    }


def book_entry(row: Row[Any], entity: Entity) -> dict[str, Any]:
    """An order as the books' JSON tells it."""
    return {
        "number": row.number,
        "state": "cancelled" if row.deleted or row.rejection_status == "C" else "open",
        "deleted": row.deleted,
        "hub_key": row.hub_key,
        "business_key": row.business_key,
        "references": sorted({row.hub_key, row.business_key} - {""}),
        "sold_to": row.sold_to,
        "rejection_status": row.rejection_status,
        "delivery_status": row.delivery_status,
        "total_net_amount": entity["TotalNetAmount"],
        "items": [{name: line.get(name, "") for name in _ITEM_FIELDS} for line in entity["to_Item"]],
        "created_at": row.created_ms,
        "changed_at": row.changed_ms,
    }


_ITEM_FIELDS = ("SalesOrderItem", "Material", "RequestedQuantity", "SalesDocumentRjcnReason", "NetAmount")
