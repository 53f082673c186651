"""Instances whose values are to be erased, or were."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select, update

from saga_coordinator.models import erasures, instances
from service_kit import bulk

ERASED = "$erased"


class Erasure(msgspec.Struct, frozen=True, order=True):
    """Values are erased in the rows up to `seq`; `identifiers`: the business key and document numbers, too."""

    instance: str
    seq: int
    identifiers: bool


_insert = bulk.insert(
    "erasures",
    {"instance_id": "text", "seq": "integer", "identifiers": "boolean"},
    "(instance_id) DO UPDATE SET seq = excluded.seq,"
    " identifiers = erasures.identifiers OR excluded.identifiers, done_at = NULL",
)


def insert(connection: Connection, rows: Sequence[Erasure]) -> None:
    """They are to be done."""
    _insert.run(connection, [msgspec.structs.astuple(row) for row in sorted(rows)])


def to_do(connection: Connection, limit: int, instance: str | None = None) -> list[Erasure]:
    """Those that are not done yet; only that of `instance`, if it is given."""
    c = erasures.c
    statement = select(c.instance_id, c.seq, c.identifiers).where(c.done_at.is_(None)).order_by(c.instance_id)
    if instance is not None:
        statement = statement.where(c.instance_id == instance)
    return [Erasure(*row) for row in connection.execute(statement.limit(limit))]


def hide_key(connection: Connection, instance: str) -> None:
    """The instance cannot be found by its business key any more."""
    has_one = (instances.c.id == instance) & instances.c.business_key.is_not(None)
    connection.execute(update(instances).where(has_one).values(business_key=ERASED))


def done(connection: Connection, row: Erasure, at: int) -> None:
    """It is done, unless more has been asked for meanwhile."""
    c = erasures.c
    same = (c.instance_id == row.instance) & (c.seq == row.seq) & (c.identifiers == row.identifiers)
    connection.execute(update(erasures).where(same).values(done_at=at))


def done_since(connection: Connection, since: int, after: str, limit: int) -> list[tuple[str, int]]:
    """(instance, seq) of those done at or after `since` (ms), by instance from `after` on, exclusive."""
    c = erasures.c
    statement = select(c.instance_id, c.seq).where(c.done_at >= since, c.instance_id > after)
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(c.instance_id).limit(limit))]


def purge(connection: Connection, before: int, limit: int) -> int:
    """Forget up to `limit` that were done before (ms); how many it were."""
    c = erasures.c
    old = select(c.instance_id).where(c.done_at < before).order_by(c.done_at).limit(limit)
    return connection.execute(delete(erasures).where(c.instance_id.in_(old))).rowcount


def remove(connection: Connection, instance_ids: Sequence[str]) -> None:
    """Of these nothing is left that could be erased."""
    connection.execute(delete(erasures).where(erasures.c.instance_id.in_(instance_ids)))
