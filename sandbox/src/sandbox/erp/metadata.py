"""`$metadata`: what a client may read at connect time to learn which fields this tenant has."""

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from sandbox.erp.schema import ITEM, ORDER, Property

_EDM = "http://schemas.microsoft.com/ado/2008/09/edm"
_EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
_META = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_SAP = "http://www.sap.com/Protocols/SAPData"
_NAMESPACE = "API_SALES_ORDER_SRV"


def metadata_document() -> str:
    """The EDMX document of the sales order service."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<edmx:Edmx Version="1.0" xmlns:edmx="{_EDMX}" xmlns:m="{_META}" xmlns:sap="{_SAP}">'
        f'<edmx:DataServices m:DataServiceVersion="2.0"><Schema Namespace="{_NAMESPACE}" xmlns="{_EDM}">'
        + _entity_type("A_SalesOrderType", ORDER, ("SalesOrder",), '<NavigationProperty Name="to_Item"/>')
        + _entity_type("A_SalesOrderItemType", ITEM, ("SalesOrder", "SalesOrderItem"))
        + f'<EntityContainer Name="{_NAMESPACE}_Entities" m:IsDefaultEntityContainer="true">'
        + "".join(
            f'<EntitySet Name="{name}" EntityType="{_NAMESPACE}.{name}Type"/>'
            for name in ("A_SalesOrder", "A_SalesOrderItem")
        )
        + "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )


def _entity_type(name: str, properties: Mapping[str, Property], key: tuple[str, ...], navigation: str = "") -> str:
    keys = "".join(f'<PropertyRef Name="{part}"/>' for part in key)
    fields = "".join(_property(field, property_) for field, property_ in properties.items())
    return f'<EntityType Name="{name}"><Key>{keys}</Key>{fields}{navigation}</EntityType>'


def _property(name: str, property_: Property) -> str:
    length = f' MaxLength="{property_.max_length}"' if property_.max_length else ""
    flags = (
        f'sap:creatable="{str("c" in property_.access).lower()}" sap:updatable="{str("u" in property_.access).lower()}"'
    )
    return f"<Property Name={quoteattr(name)} Type={quoteattr(property_.type.value)}{length} {flags}/>"
