"""The event `crm.order.confirmed`: the orders that are confirmed and were touched since the last look.

The watermark holds the newest `SystemModstamp` that was seen, by the CRM's own clock, and the ids of the events that
were given within `overlap` of it: each look starts that much earlier, because a transaction of the CRM may become
visible later than its stamp says. An event's id is made of the order and its `LastModifiedDate`, which a change by a
person moves and a recalculation does not.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog

from service_kit.connector.events import BusinessEvent, Page
from service_kit.connector.mapping import MappingFailed

TYPE = "crm.order.confirmed"
TIMEOUT = 30.0

log = structlog.get_logger(__name__)


class Orders(Protocol):
    """What is asked of the CRM."""

    def newest_stamp(self, deadline: float) -> datetime | None:
        """The newest `SystemModstamp` of any order; None where there is no order yet."""

    def confirmed_orders(self, since: datetime, deadline: float) -> Iterable[dict[str, Any]]:
        """The records of the orders that are confirmed now and were touched since then, oldest first."""

    def order(self, record: dict[str, Any]) -> Any:
        """The canonical document of a record. Raises `MappingFailed`."""


class Mark(msgspec.Struct, frozen=True):
    """How far was looked; `given` maps recent events' ids to their orders' stamps."""

    newest: datetime
    given: dict[str, datetime] = {}


def look(orders: Orders, watermark: str | None, overlap: timedelta) -> Page:
    """What is new since `watermark`. A CRM that was never looked at starts with what happens there now.

    Raises `NotApplied` or `Uncertain` where the CRM cannot be asked.
    """
    deadline = time.monotonic() + TIMEOUT
    mark = _first(orders, deadline) if watermark is None else msgspec.json.decode(watermark, type=Mark)
    records = {_id(record): record for record in orders.confirmed_orders(mark.newest - overlap, deadline)}
    stamps = {id_: _moment(record["SystemModstamp"]) for id_, record in records.items()}
    new = [record for id_, record in records.items() if id_ not in mark.given]
    newest = max([mark.newest, *stamps.values()])
    recent = {id_: stamp for id_, stamp in {**mark.given, **stamps}.items() if stamp >= newest - overlap}
    return Page(list(_events(orders, new)), msgspec.json.encode(Mark(newest, recent)).decode())


def _first(orders: Orders, deadline: float) -> Mark:
    return Mark(orders.newest_stamp(deadline) or datetime(2000, 1, 1, tzinfo=UTC))


def _events(orders: Orders, records: Iterable[dict[str, Any]]) -> Iterable[BusinessEvent]:
    for record in records:
        number = record["OrderNumber"]
        try:
            document = orders.order(record)
        except MappingFailed as error:  # one order that cannot be read must not hold up all others
            log.error("order.unreadable", order=number, error=str(error))
            continue
        changed = _moment(record["LastModifiedDate"]).isoformat()
        yield BusinessEvent(id=_id(record), type=TYPE, subject=number, data=document, time=changed)


def _id(record: dict[str, Any]) -> str:
    return f"{record['Id']}:{record['LastModifiedDate']}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
