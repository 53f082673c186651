"""Entities as the service writes them.

The credit entity is modelled: service, entity and field names are the vendor's, but `CreditExposureAmount` in it and
its behaviour were not checked against the vendor's specification.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.erp.odata import Entity, etag_of, render
from sandbox.erp.schema import (
    CREDIT_ACCOUNT,
    ITEM,
    ORDER,
    ORDER_NAVIGATION,
    ORDER_NAVIGATION_UNSUPPORTED,
    Edm,
    Property,
)

SALES = "API_SALES_ORDER_SRV"
CREDIT = "API_CRDTMBUSINESSPARTNER"


class Renderer:
    """Entities as the service writes them, with metadata, links and ETags under a base address."""

    def __init__(self, base: str) -> None:
        self._base = base

    def order(self, order: Entity, expand: bool) -> Entity:
        """An order; its items inline or as a deferred link."""
        uri = f"{self._base}/{SALES}/A_SalesOrder('{order['SalesOrder']}')"
        items = (
            {"results": [self.item(line, order) for line in order["to_Item"]]} if expand else _deferred(uri, "to_Item")
        )
        deferred = {name: _deferred(uri, name) for name in ORDER_NAVIGATION_UNSUPPORTED}
        head = _metadata(uri, f"{SALES}.A_SalesOrderType", etag_of(order["changed_ms"]))
        return {"__metadata": head, **_fields(order, ORDER), ORDER_NAVIGATION[0]: items, **deferred}

    def item(self, line: Entity, order: Entity) -> Entity:
        """An item; it carries its order's ETag."""
        key = f"SalesOrder='{line['SalesOrder']}',SalesOrderItem='{line['SalesOrderItem']}'"
        uri = f"{self._base}/{SALES}/A_SalesOrderItem({key})"
        head = _metadata(uri, f"{SALES}.A_SalesOrderItemType", etag_of(order["changed_ms"]))
        return {"__metadata": head, **_fields(line, ITEM)}

    def credit(self, account: Entity) -> Entity:
        """A business partner's credit account."""
        key = f"BusinessPartner='{account['BusinessPartner']}',CreditSegment='{account['CreditSegment']}'"
        uri = f"{self._base}/{CREDIT}/CreditManagementAccount({key})"
        return {
            "__metadata": _metadata(uri, f"{CREDIT}.CreditManagementAccountType"),
            **_fields(account, CREDIT_ACCOUNT),
        }


def _metadata(uri: str, type_: str, etag: str | None = None) -> Entity:
    return {"id": uri, "uri": uri, "type": type_, **({"etag": etag} if etag else {})}


def _deferred(uri: str, name: str) -> Entity:
    return {"__deferred": {"uri": f"{uri}/{name}"}}


def _fields(entity: Entity, properties: Mapping[str, Property]) -> Entity:
    empty: dict[Edm, Any] = {Edm.STRING: "", Edm.DECIMAL: "0"}
    return {
        name: render(property_, entity.get(name, empty.get(property_.type))) for name, property_ in properties.items()
    }
