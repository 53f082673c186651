"""The objects of the CRM with their fields, and what may be written to them."""

from dataclasses import dataclass, field
from enum import StrEnum


class Type(StrEnum):
    """The field types that occur."""

    TEXT = "string"
    ID = "id"
    PICKLIST = "picklist"
    NUMBER = "double"
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Field:
    """One field; `access` is any of c (create) and u (update)."""

    type: Type
    length: int = 0
    access: str = ""


@dataclass(frozen=True)
class SObject:
    """One object type. `relations` leads from a relation's name to the type and the field that holds the id."""

    name: str
    prefix: str
    fields: dict[str, Field]
    required: tuple[str, ...] = ()
    relations: dict[str, tuple[str, str]] = field(default_factory=dict)


_SYSTEM = {
    "Id": Field(Type.ID),
    "CreatedDate": Field(Type.DATETIME),
    "LastModifiedDate": Field(Type.DATETIME),
    "SystemModstamp": Field(Type.DATETIME),
    "IsDeleted": Field(Type.BOOLEAN),
}


def _texts(access: str, **lengths: int) -> dict[str, Field]:
    return {name: Field(Type.TEXT, length, access) for name, length in lengths.items()}


ORDER = SObject(
    "Order",
    "801",
    {
        **_SYSTEM,
        **_texts("", OrderNumber=30, StatusCode=40),
        "Status": Field(Type.PICKLIST, 40, "cu"),
        "AccountId": Field(Type.ID, 18, "cu"),
        "EffectiveDate": Field(Type.DATE, access="cu"),
        "Requested_Delivery_Date__c": Field(Type.DATE, access="cu"),
        **_texts("cu", PoNumber=80, OrderReferenceNumber=80, Description=32000, CurrencyIsoCode=3),
        **_texts(
            "cu", ShippingStreet=255, ShippingCity=40, ShippingPostalCode=20, ShippingState=80, ShippingCountry=80
        ),
        **_texts("cu", Hub_Key__c=40, Hub_Status_Key__c=40),
        "TotalAmount": Field(Type.NUMBER),
        "ActivatedDate": Field(Type.DATETIME),
    },
    required=("AccountId", "EffectiveDate", "Status"),
    relations={"Account": ("Account", "AccountId")},
)
ORDER_ITEM = SObject(
    "OrderItem",
    "802",
    {
        **_SYSTEM,
        **_texts("", OrderItemNumber=30),
        "OrderId": Field(Type.ID, 18, "c"),
        "Product2Id": Field(Type.ID, 18, "c"),
        "Quantity": Field(Type.NUMBER, access="cu"),
        "UnitPrice": Field(Type.NUMBER, access="cu"),
        "TotalPrice": Field(Type.NUMBER),
        **_texts("cu", Description=255),
    },
    required=("OrderId", "Product2Id", "Quantity", "UnitPrice"),
    relations={"Order": ("Order", "OrderId"), "Product2": ("Product2", "Product2Id")},
)
ACCOUNT = SObject("Account", "001", {**_SYSTEM, **_texts("", Name=255, AccountNumber=40)})
PRODUCT = SObject("Product2", "01t", {**_SYSTEM, **_texts("", Name=255, ProductCode=255, QuantityUnitOfMeasure=40)})
SOBJECTS = {sobject.name: sobject for sobject in (ORDER, ORDER_ITEM, ACCOUNT, PRODUCT)}
CHILDREN = {("Order", "OrderItems"): ("OrderItem", "OrderId")}

DRAFT, ACTIVATED = "Draft", "Activated"
STATUS_CATEGORIES = {
    "Draft": DRAFT,
    "Confirmed": DRAFT,
    "Cancelled": DRAFT,
    "Activated": ACTIVATED,
    "In Delivery": ACTIVATED,
    "Completed": ACTIVATED,
}
EXTERNAL_ID = "Hub_Key__c"

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def record_id(sobject: SObject, number: int) -> str:
    """The 18-character id of the n-th record of a type."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return long_id(sobject.prefix + "5e0" + digits.rjust(9, "0"))


def long_id(id_: str) -> str:
    """The 18-character form of a 15-character id: three characters that make it safe to compare without case."""
    if len(id_) != 15:
        return id_
    chunks = (id_[start : start + 5] for start in (0, 5, 10))
    return id_ + "".join(
        _ALPHABET[sum(character.isupper() << bit for bit, character in enumerate(chunk))] for chunk in chunks
    )
