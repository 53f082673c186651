"""The fields of the sales order service with types and lengths, as in the vendor's specification of the create type."""

from dataclasses import dataclass
from enum import StrEnum


class Edm(StrEnum):
    """The OData types that occur."""

    STRING = "Edm.String"
    DECIMAL = "Edm.Decimal"
    DATE = "Edm.DateTime"
    OFFSET = "Edm.DateTimeOffset"
    BOOLEAN = "Edm.Boolean"


@dataclass(frozen=True)
class Property:
    """One property; `access` is any of c (create) and u (update), empty for read-only."""

    type: Edm
    max_length: int = 0
    access: str = ""


def _texts(access: str, **lengths: int) -> dict[str, Property]:
    return {name: Property(Edm.STRING, length, access) for name, length in lengths.items()}


ORDER: dict[str, Property] = {
    **_texts("", SalesOrder=10),
    **_texts(
        "c",
        SalesOrderType=4,
        SalesOrganization=4,
        DistributionChannel=2,
        OrganizationDivision=2,
        SoldToParty=10,
        ReferenceSDDocument=10,
    ),
    **_texts("cu", PurchaseOrderByCustomer=35, TransactionCurrency=5, SDDocumentReason=3, ShippingCondition=2),
    **_texts("cu", DeliveryBlockReason=2, HeaderBillingBlockReason=2, IncotermsClassification=3),
    **_texts("cu", CustomerPaymentTerms=4, AssignmentReference=18),
    **{
        name: Property(Edm.DATE, access="cu")
        for name in ("CustomerPurchaseOrderDate", "SalesOrderDate", "RequestedDeliveryDate", "PricingDate")
    },
    **_texts("", CreatedByUser=12, OverallSDProcessStatus=1, OverallDeliveryStatus=1, OverallTotalDeliveryStatus=1),
    **_texts("", OverallOrdReltdBillgStatus=1, OverallSDDocumentRejectionSts=1),
    "TotalNetAmount": Property(Edm.DECIMAL),
    "CreationDate": Property(Edm.DATE),
    "LastChangeDateTime": Property(Edm.OFFSET),
}

ITEM: dict[str, Property] = {
    **_texts("", SalesOrder=10),
    **_texts("c", SalesOrderItem=6, Material=40),
    **_texts("cu", SalesOrderItemCategory=4, SalesOrderItemText=40, MaterialByCustomer=35, RequestedQuantityUnit=3),
    **_texts("cu", ProductionPlant=4, StorageLocation=4, ShippingPoint=4, Batch=10, WBSElement=24),
    **_texts("cu", SalesDocumentRjcnReason=2, ItemBillingBlockReason=2, UnderlyingPurchaseOrderItem=6),
    "RequestedQuantity": Property(Edm.DECIMAL, access="cu"),
    "NetAmount": Property(Edm.DECIMAL),
    "TransactionCurrency": Property(Edm.STRING, 5),
}

CREDIT_ACCOUNT: dict[str, Property] = {
    **_texts("", BusinessPartner=10, CreditSegment=10, CreditSegmentCurrency=5, CreditAccountBlockReason=2),
    "CreditLimitAmount": Property(Edm.DECIMAL),
    "CreditExposureAmount": Property(Edm.DECIMAL),
    "CreditAccountIsBlocked": Property(Edm.BOOLEAN),
    "CreditLimitIsZero": Property(Edm.BOOLEAN),
}

ORDER_NAVIGATION = ("to_Item",)
# navigations of the specification that this simulator refuses instead of ignoring
ORDER_NAVIGATION_UNSUPPORTED = ("to_Partner", "to_PricingElement", "to_Text", "to_RelatedObject")

ORDER_REQUIRED = ("SalesOrderType", "SalesOrganization", "DistributionChannel", "OrganizationDivision", "SoldToParty")
ITEM_REQUIRED = ("Material", "RequestedQuantity")
UNIT = "PC"
REJECTION_REASONS = ("00", "01", "02", "03", "04", "05", "10", "50", "51", "52", "Z1")
