"""What one business key left in the systems, counted."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from .books import CRM_ORDER, DELIVERY, RESERVATION, SALES_ORDER, Books


@dataclass(frozen=True)
class ErpEffects:
    """Open = not cancelled."""

    sales_orders_open: int = 0
    sales_orders_cancelled: int = 0


@dataclass(frozen=True)
class WmsEffects:
    """Open = not cancelled: a consumed reservation and an issued delivery stand."""

    reservations_open: int = 0
    reservations_cancelled: int = 0
    deliveries_open: int = 0
    deliveries_cancelled: int = 0


@dataclass(frozen=True)
class CrmEffects:
    """How many orders have which status."""

    orders_by_status: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Effects:
    """The counted effects in every system."""

    erp: ErpEffects
    wms: WmsEffects
    crm: CrmEffects

    def as_json(self) -> dict[str, Any]:
        """As `make demo JSON=1` prints it."""
        return asdict(self)


def effects(books: Books, business_key: str) -> Effects:
    """Counts the documents that belong to a business key."""
    documents = books.of(business_key)
    counts = Counter((document.kind, document.stands) for document in documents)
    return Effects(
        ErpEffects(counts[SALES_ORDER, True], counts[SALES_ORDER, False]),
        WmsEffects(
            counts[RESERVATION, True],
            counts[RESERVATION, False],
            counts[DELIVERY, True],
            counts[DELIVERY, False],
        ),
        CrmEffects(dict(Counter(document.state for document in documents if document.kind == CRM_ORDER))),
    )
