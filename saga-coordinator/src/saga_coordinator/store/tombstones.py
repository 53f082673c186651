"""What is left of purged instances: from the moment that one is to be purged until it is forgotten altogether."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select, text, true, tuple_, update

from saga_coordinator.engine.times import iso
from saga_coordinator.models import (
    business_keys,
    instance_keys,
    instances,
    queued_starts,
    signal_deliveries,
    signal_subscriptions,
    subscriptions,
    timers,
    tombstones,
)
from saga_coordinator.store import erasures, locks
from saga_coordinator.store.instances import Instance


class Tombstone(msgspec.Struct, frozen=True):
    """A purged instance; times in ms. Its business key stands until `keys_until` (None: for ever). `archived`: its
    journal goes into a file before it is deleted; `archive` is the file's name and `digest` its SHA-256, then."""

    instance: str
    process: str
    version: int
    status: str
    business_key: str | None
    started_at: int
    ended_at: int
    purged_at: int
    keys_until: int | None
    expires_at: int | None
    archived: bool
    archive: str | None = None
    digest: str | None = None

    @property
    def told(self) -> str:
        """For people."""
        kept = f"; its journal is in the archive, {self.archive}" if self.archive else ""
        return f"instance {self.instance!r} ({self.status}) was purged on {iso(self.purged_at)}{kept}"


_COLUMNS = [column for column in tombstones.columns if column.name not in ("rest", "writers")]


def due(connection: Connection, process: str, ended_before: int, limit: int) -> list[Instance]:
    """Instances of `process` that ended before (ms) and may be purged, with everything that they called, locked until
    the transaction ends; one that somebody is writing to just now waits for the next time. This is the one place that
    says what is purged: by root, and not before everything that the root called has ended, too."""
    called = instances.alias("called")
    open_inside = select(called.c.id).where(called.c.root == instances.c.id, called.c.ended_at.is_(None)).exists()
    roots = (
        select(instances)
        .where(instances.c.process == process, instances.c.ended_at <= ended_before, instances.c.root.is_(None))
        .where(~open_inside)
        .order_by(instances.c.ended_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=instances)
    )
    found = [Instance(*row) for row in connection.execute(roots)]
    with_them = select(instances).where(instances.c.root.in_([row.id for row in found])).order_by(instances.c.id)
    return [*found, *(Instance(*row) for row in connection.execute(with_them.with_for_update()))]


def bury(connection: Connection, rows: Sequence[Tombstone]) -> None:
    """These instances (locked, see `due`) are gone for everybody; their journals are deleted later. What they had
    left in other tables is deleted, and locks are given to the next in line."""
    ids = [row.instance for row in rows]
    on_postgresql = connection.dialect.name == "postgresql"
    writers = func.txid_current() if on_postgresql else literal(0)
    values = [{**_values(row), "rest": True} for row in rows]
    connection.execute(insert(tombstones).values(writers=writers), values)
    connection.execute(delete(instances).where(instances.c.id.in_(ids)))
    connection.execute(delete(timers).where(timers.c.instance_id.in_(ids)))
    held = locks.of_instances(connection, ids)
    locks.exchange(connection, [], held, min(row.purged_at for row in rows))
    connection.execute(delete(subscriptions).where(subscriptions.c.instance_id.in_(ids)))
    for table in (signal_subscriptions, signal_deliveries):
        connection.execute(delete(table).where(table.c.instance_id.in_(ids)))
    erasures.remove(connection, ids)


def _values(row: Tombstone) -> dict[str, object]:
    fields = msgspec.structs.asdict(row)
    fields["instance_id"] = fields.pop("instance")
    return fields


def find(connection: Connection, instance_ids: Iterable[str]) -> dict[str, Tombstone]:
    """Those of these instances that were purged."""
    ids = list(instance_ids)
    if not ids:
        return {}
    rows = connection.execute(select(*_COLUMNS).where(tombstones.c.instance_id.in_(ids)))
    return {row[0]: Tombstone(*row) for row in rows}


def with_rest(connection: Connection, buried_before: int, limit: int) -> list[Tombstone]:
    """Those buried before (ms) whose journals are to be deleted and that nobody can still be writing to: whoever had
    begun before it was buried has finished."""
    c = tombstones.c
    statement = select(*_COLUMNS).where(c.rest, c.purged_at <= buried_before).order_by(c.purged_at).limit(limit)
    if connection.dialect.name == "postgresql":
        statement = statement.where(c.writers < text("txid_snapshot_xmin(txid_current_snapshot())"))
    return [Tombstone(*row) for row in connection.execute(statement)]


def archived(connection: Connection, instance: str, archive: str, digest: str) -> None:
    """The journal is in this file."""
    statement = update(tombstones).where(tombstones.c.instance_id == instance)
    connection.execute(statement.values(archive=archive, digest=digest))


def without_rest(connection: Connection, instance_ids: Sequence[str]) -> None:
    """The journals are deleted."""
    connection.execute(update(tombstones).where(tombstones.c.instance_id.in_(instance_ids)).values(rest=False))


def purged_since(connection: Connection, since: int, after: str, limit: int) -> list[str]:
    """Instances that were purged at or after `since` (ms), by id from `after` on, exclusive."""
    c = tombstones.c
    statement = select(c.instance_id).where(c.purged_at >= since, c.instance_id > after)
    return list(connection.scalars(statement.order_by(c.instance_id).limit(limit)))


def free_keys(connection: Connection, now: int, limit: int) -> int:
    """Business keys of purged instances whose time is over are free; how many there were. A start that waits for one
    gets it."""
    c = tombstones.c
    over = select(c.instance_id, c.process, c.business_key).where(
        c.keys_until <= now, c.business_key.is_not(None), c.rest.is_(False)
    )
    rows = connection.execute(over.order_by(c.keys_until).limit(limit)).all()
    if not rows:
        return 0
    keys = business_keys.c
    waited_for = (
        select(queued_starts.c.input_id)
        .where(queued_starts.c.process == keys.process, queued_starts.c.key == keys.key)
        .exists()
    )
    theirs = _keys_of([(row[0], row[1], row[2]) for row in rows])
    connection.execute(update(business_keys).where(theirs, waited_for).values(released=true()))
    connection.execute(delete(business_keys).where(theirs, ~waited_for))
    ids = [row[0] for row in rows]
    connection.execute(update(tombstones).where(c.instance_id.in_(ids)).values(business_key=None))
    return len(rows)


def _keys_of(rows: Sequence[tuple[str, str, str]]) -> ColumnElement[bool]:
    """The business keys of these (instance, process, key); where the key was erased, by the instance alone."""
    keys = business_keys.c
    if any(key == erasures.ERASED for _, _, key in rows):
        return keys.instance_id.in_([instance for instance, _, _ in rows])
    return tuple_(keys.process, keys.key, keys.instance_id).in_([(p, k, i) for i, p, k in rows])


def expire(connection: Connection, now: int, limit: int) -> int:
    """Forget purged instances altogether whose time is over; how many there were."""
    c = tombstones.c
    over = select(c.instance_id).where(c.expires_at <= now, c.rest.is_(False), c.business_key.is_(None)).limit(limit)
    ids = connection.scalars(over).all()
    if ids:
        connection.execute(delete(instance_keys).where(instance_keys.c.instance_id.in_(ids)))
        connection.execute(delete(tombstones).where(c.instance_id.in_(ids)))
    return len(ids)
