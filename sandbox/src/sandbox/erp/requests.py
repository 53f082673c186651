"""What clients send: bodies checked field by field."""

from collections.abc import Mapping
from typing import Any

from sandbox.erp.odata import INVALID_PROPERTY, INVALID_REQUEST, Entity, ODataError, check_value
from sandbox.erp.schema import (
    ITEM,
    ITEM_REQUIRED,
    ORDER,
    ORDER_NAVIGATION_UNSUPPORTED,
    ORDER_REQUIRED,
    REJECTION_REASONS,
    UNIT,
    Property,
)


def new_order(body: Any) -> tuple[Entity, list[Entity]]:
    """Header and items of a deep insert, checked; raises `ODataError`."""
    if not isinstance(body, Mapping):
        raise ODataError(INVALID_REQUEST, "The request body is not a valid entity")
    nested = body.get("to_Item", [])
    if isinstance(nested, Mapping):
        nested = nested.get("results")
    if not isinstance(nested, list):
        raise ODataError(INVALID_REQUEST, "The navigation property 'to_Item' must be a list", target="to_Item")
    header = checked({name: value for name, value in body.items() if name != "to_Item"}, ORDER, "c")
    _require(header, ORDER_REQUIRED)
    return header, [new_item(line) for line in nested]


def new_item(body: Any) -> Entity:
    """A new item, checked."""
    item = checked(body, ITEM, "c")
    _require(item, ITEM_REQUIRED)
    item.setdefault("RequestedQuantityUnit", UNIT)
    if item.get("SalesOrderItem") and not (item["SalesOrderItem"].isdigit() and int(item["SalesOrderItem"])):
        raise ODataError("V1/301", f"Item number {item['SalesOrderItem']} is not numeric", target="SalesOrderItem")
    _check_item(item)
    return item


def item_change(body: Any) -> Entity:
    """Changed fields of an item, checked."""
    item = checked(body, ITEM, "u")
    _check_item(item)
    return item


def checked(body: Any, properties: Mapping[str, Property], access: str) -> Entity:
    """The fields of a request body; unknown, read-only, too long or malformed ones raise `ODataError`."""
    if not isinstance(body, Mapping):
        raise ODataError(INVALID_REQUEST, "The request body is not a valid entity")
    fields = {name: value for name, value in body.items() if name != "__metadata"}
    for name in fields:
        if name in ORDER_NAVIGATION_UNSUPPORTED:
            raise ODataError(INVALID_PROPERTY, f"Navigation '{name}' is not simulated", target=name)
        if name not in properties:
            raise ODataError(INVALID_PROPERTY, f"Property '{name}' is invalid", target=name)
        if access not in properties[name].access:
            raise ODataError(INVALID_PROPERTY, f"Property '{name}' is read-only", target=name)
    return {name: check_value(name, properties[name], value) for name, value in fields.items()}


def _require(fields: Entity, names: tuple[str, ...]) -> None:
    for name in names:
        if not fields.get(name):
            raise ODataError("V1/107", f"Property '{name}' is required", target=name)


def _check_item(item: Entity) -> None:
    if "RequestedQuantity" in item and float(item["RequestedQuantity"]) <= 0:
        raise ODataError("V1/145", "Enter an order quantity greater than zero", target="RequestedQuantity")
    if item.get("RequestedQuantityUnit", UNIT) != UNIT:
        raise ODataError(
            "V1/363",
            f"Unit {item['RequestedQuantityUnit']} is not defined for the material",
            target="RequestedQuantityUnit",
        )
    reason = item.get("SalesDocumentRjcnReason", "")
    if reason and reason not in REJECTION_REASONS:
        raise ODataError("V1/320", f"Reason for rejection {reason} is not defined", target="SalesDocumentRjcnReason")
