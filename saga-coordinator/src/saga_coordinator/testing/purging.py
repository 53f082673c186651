"""Purging ended instances in tests, and what is left of them. `hub` is the fixture of the integration tests."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select, update

from saga_coordinator.engine import inputs as i
from saga_coordinator.models import metadata, tombstones
from saga_coordinator.store.tombstones import Tombstone, find
from service_kit.broker import Source
from service_kit.database import reading, writing
from service_kit.messages import ENTRIES_FORGOTTEN, EntriesForgotten

# Purges whatever has ended, at once.
AT_ONCE = {"retention_after": "P0D", "purge_grace": 0.0}


def run(hub: Any, process: str = "five-steps", **fields: Any) -> i.Start:
    """An instance that has ended."""
    hub.deploy(process)
    request: i.Start = hub.start(process, **fields)
    hub.drive(lambda: hub.status(request.instance) in ("completed", "compensated"))
    return request


def purger(hub: Any, **changes: Any) -> Any:
    """A coordinator that purges."""
    return hub.new_coordinator(**{**AT_ONCE, **changes})


def left_to_delete(hub: Any) -> int:
    """How many journals of purged instances are still there."""
    with reading(hub.store) as connection:
        return connection.scalar(select(func.count()).select_from(tombstones).where(tombstones.c.rest)) or 0


def purge(hub: Any, coordinator: Any = None, **changes: Any) -> None:
    """Rounds until nothing is left to delete: somebody else's transaction may have to end first."""
    coordinator = coordinator or purger(hub, **changes)
    coordinator.retention.round()
    hub.until(lambda: left_to_delete(hub) == 0 or coordinator.retention.round())


def traces(hub: Any, *words: str, but: Sequence[str] = ("tombstones",)) -> dict[str, int]:
    """In how many rows of which tables any of these words is."""
    found: dict[str, int] = {}
    with reading(hub.store) as connection:
        for table in metadata.sorted_tables:
            rows = connection.execute(select(table)).all() if table.name not in but else []
            texts = [" ".join(v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in row) for row in rows]
            count = sum(any(word in text for word in words) for text in texts)
            found |= {table.name: count} if count else {}
    return found


def tombstone(hub: Any, instance: str) -> Tombstone:
    """What is left of a purged instance."""
    with reading(hub.store) as connection:
        return find(connection, [instance])[instance]


def told(hub: Any, patience: float = 1.0) -> list[EntriesForgotten]:
    """What followers were told to forget and nobody has taken yet, once no more has come for `patience` seconds."""
    consumer = hub.broker.consume([Source("journal")])
    found = []
    while deliveries := consumer.take(500, patience):
        found += [msgspec.json.decode(d.event.data, type=EntriesForgotten) for d in deliveries if _forgets(d)]
        consumer.ack(deliveries)
    consumer.close()
    return found


def _forgets(delivery: Any) -> bool:
    return bool(delivery.event.type == ENTRIES_FORGOTTEN)


def answered(hub: Any, request: i.Start) -> Any:
    """How a start that is sent was refused."""
    hub.until(lambda: hub.turn(timeout=1.0))
    return hub.service.outcomes([(request.instance, request.id)])[request.id].refusal


def let_keys_expire(hub: Any, coordinator: Any) -> None:
    """The time of every purged instance's keys is over."""
    with writing(hub.store) as connection:
        connection.execute(update(tombstones).values(keys_until=1, expires_at=1))
    coordinator.retention.round()


def is_told(hub: Any, instance: str) -> bool:
    """Whether followers were told to forget the instance, and nobody had taken it before."""
    return instance in {each.instance for each in told(hub, patience=0.05)}
