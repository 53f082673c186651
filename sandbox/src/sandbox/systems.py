"""The three simulated systems together: their books, and the master data that they share."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.crm.books import CrmBooks
from sandbox.crm.schema import ACCOUNT, PRODUCT
from sandbox.database import Database
from sandbox.erp.books import ErpBooks
from sandbox.errors import BadRequest
from sandbox.wms import books as wms_books

DEFAULTS: dict[str, list[dict[str, Any]]] = {
    "customers": [
        {"number": "10100001", "name": "Inlandskunde DE 1", "credit_limit": "1000000.00"},
        {"number": "10100002", "name": "Inlandskunde DE 2", "credit_limit": "1000000.00"},
        {"number": "10100009", "name": "Small Workshop", "credit_limit": "100.00"},
        {"number": "10100666", "name": "Slow Payer", "credit_limit": "1000000.00", "blocked": True},
    ],
    "materials": [
        {"number": "MAT-100", "name": "Pump P100", "price": "10.00", "stock": 1_000_000},
        {"number": "MAT-200", "name": "Pump P200", "price": "10.00", "stock": 1_000_000},
        {"number": "TG11", "name": "Trading Good 11", "price": "10.00", "stock": 1_000_000},
        {"number": "MAT-EMPTY", "name": "Pump that nobody has", "price": "10.00", "stock": 0},
    ],
}


@dataclass(frozen=True)
class Systems:
    """The books of all systems."""

    erp: ErpBooks
    crm: CrmBooks
    wms: Database

    def seed(self, data: Mapping[str, Any]) -> dict[str, int]:
        """Inserts or replaces master data in every system that has it, and counts it; raises `BadRequest`."""
        if unknown := set(data) - {"customers", "materials"}:
            raise BadRequest(f"unknown field {sorted(unknown)[0]}")
        customers, materials = data.get("customers", []), data.get("materials", [])
        for customer in customers:
            self._put_customer(customer)
        for material in materials:
            self._put_material(material)
        return {"customers": len(customers), "materials": len(materials)}

    def books(self, business_key: str | None = None) -> dict[str, Any]:
        """The books of all systems as JSON, or what belongs to a business key."""
        erp = self.erp.as_json(business_key)
        keys = None if business_key is None else {business_key} | {order["number"] for order in erp["sales_orders"]}
        with self.wms.reading() as connection:
            wms = wms_books.as_json(connection, keys)
        return {"erp": erp, "crm": self.crm.as_json(business_key), "wms": wms}

    def _put_customer(self, data: Any) -> None:
        number, name = _text(data, "number"), _text(data, "name", default="Customer")
        limit, exposure = _cents(data, "credit_limit", "1000000.00"), _cents(data, "exposure", "0.00")
        values = {"limit_cents": limit, "exposure_cents": exposure, "blocked": bool(data.get("blocked", False))}
        self.erp.put_customer({"number": number, "name": name, **values})
        self.crm.put(ACCOUNT, number, {"Name": name})

    def _put_material(self, data: Any) -> None:
        number, name = _text(data, "number"), _text(data, "name", default="Material")
        self.erp.put_material({"number": number, "name": name, "price_cents": _cents(data, "price", "10.00")})
        self.crm.put(PRODUCT, number, {"Name": name, "QuantityUnitOfMeasure": "Each"})
        with self.wms.writing() as connection:
            wms_books.set_stock(connection, number, quantity(data.get("stock", 0), "stock"))


def quantity(value: Any, name: str) -> float:
    """A quantity that is not negative; raises `BadRequest`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadRequest(f"{name} must be a number that is not negative")
    return float(value)


def _text(data: Any, name: str, default: str | None = None) -> str:
    value = data.get(name, default) if isinstance(data, Mapping) else None
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} must be text")
    return value


def _cents(data: Mapping[str, Any], name: str, default: str) -> int:
    try:
        return int(Decimal(str(data.get(name, default))) * 100)
    except (InvalidOperation, ValueError):
        raise BadRequest(f"{name} must be an amount") from None
