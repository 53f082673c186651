"""The four orders: what is done to the systems before each, and what must be true afterwards."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scenario:
    """One order. `fault` is injected into the sandbox before it is confirmed (`{order}` stands for its number);
    `effects` are counts that the auditor must find; `sign` is what its timeline must show."""

    name: str
    title: str
    material: str
    status: str
    effects: dict[str, dict[str, int]]
    undone: tuple[str, ...] = ()
    fault: dict[str, Any] = field(default_factory=dict)
    sign: str | None = None


def _effects(orders: int, reservations: int, deliveries: int, *, cancelled: bool = False) -> dict[str, dict[str, int]]:
    kept, gone = ("cancelled", "open") if cancelled else ("open", "cancelled")
    return {
        "erp": {f"sales_orders_{kept}": orders, f"sales_orders_{gone}": 0},
        "wms": {
            f"reservations_{kept}": reservations,
            f"reservations_{gone}": 0,
            f"deliveries_{kept}": deliveries,
            f"deliveries_{gone}": 0,
        },
    }


DELIVERED = _effects(1, 1, 1)
UNDONE = _effects(1, 0, 0, cancelled=True)

SCENARIOS = (
    Scenario("completes", "goes through", "MAT-100", "completed", DELIVERED),
    Scenario(
        "refused",
        "the warehouse has nothing: undone",
        "MAT-EMPTY",
        "compensated",
        UNDONE,
        undone=("CreateSalesOrder",),
    ),
    Scenario(
        "dropped",
        "the ERP creates it and hangs up: probed",
        "MAT-100",
        "completed",
        DELIVERED,
        fault={"kind": "drop-after", "operation": "erp.create-sales-order", "match": "{order}"},
        sign="probe",
    ),
    Scenario(
        "retried",
        "the ERP is down for a while: retried",
        "MAT-100",
        "completed",
        DELIVERED,
        fault={"kind": "down", "for_ms": 4000},
        sign="retry",
    ),
)
