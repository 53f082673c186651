"""Instances as they can be listed, and the business keys that arbitrate their starts."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, func, select, tuple_

from saga_coordinator.models import business_keys, instances, journal
from service_kit import bulk


class Instance(msgspec.Struct, frozen=True):
    """One row; times in ms. `parent` called it, `root` is the first of those that did; None: nobody called it."""

    id: str
    process: str
    version: int
    status: str
    business_key: str | None
    started_at: int
    ended_at: int | None = None
    parent: str | None = None
    root: str | None = None


class Claim(msgspec.Struct, frozen=True, order=True):
    """An instance asks for a business key."""

    process: str
    key: str
    instance: str


_insert = bulk.insert(
    "instances",
    {
        "id": "text",
        "process": "text",
        "version": "integer",
        "status": "text",
        "business_key": "text",
        "started_at": "bigint",
        "ended_at": "bigint",
        "parent": "text",
        "root": "text",
    },
)
_update = bulk.Bulk(
    {"status": "text", "ended_at": "bigint", "id": "text"},
    postgresql="UPDATE instances SET status = v.status, ended_at = v.ended_at FROM {v} WHERE instances.id = v.id",
    sqlite="UPDATE instances SET status = ?, ended_at = ? WHERE id = ?",
)
_migrate = bulk.Bulk(
    {"version": "integer", "id": "text"},
    postgresql="UPDATE instances SET version = v.version FROM {v} WHERE instances.id = v.id",
    sqlite="UPDATE instances SET version = ? WHERE id = ?",
)
_claim = bulk.Bulk(
    {"process": "text", "key": "text", "instance_id": "text"},
    postgresql="INSERT INTO business_keys (process, key, instance_id, generation, released)"
    " SELECT process, key, instance_id, 1, false FROM {v} ON CONFLICT (process, key) DO UPDATE"
    " SET instance_id = excluded.instance_id, generation = business_keys.generation + 1, released = false"
    " WHERE business_keys.released",
    sqlite="INSERT INTO business_keys (process, key, instance_id, generation, released) VALUES (?, ?, ?, 1, 0)"
    " ON CONFLICT (process, key) DO UPDATE"
    " SET instance_id = excluded.instance_id, generation = business_keys.generation + 1, released = 0"
    " WHERE business_keys.released",
)
_release = bulk.Bulk(
    {"process": "text", "key": "text", "instance_id": "text"},
    postgresql="UPDATE business_keys SET released = true FROM {v} WHERE business_keys.process = v.process"
    " AND business_keys.key = v.key AND business_keys.instance_id = v.instance_id",
    sqlite="UPDATE business_keys SET released = 1 WHERE process = ? AND key = ? AND instance_id = ?",
)


def insert(connection: Connection, rows: Sequence[Instance]) -> None:
    """New instances, sorted by id."""
    _insert.run(connection, [msgspec.structs.astuple(row) for row in rows])


def change(connection: Connection, rows: Sequence[tuple[str, int | None, str]]) -> int:
    """(status, ended_at, id), sorted by id; how many of them are there."""
    return _update.run(connection, rows)


def migrate(connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """(version, id) of instances that go on in another version."""
    _migrate.run(connection, rows)


def claim(connection: Connection, claims: Sequence[Claim]) -> int:
    """Take business keys (sorted, each once); the number of those that were free."""
    return _claim.run(connection, [msgspec.structs.astuple(claim) for claim in claims])


def release(connection: Connection, claims: Sequence[Claim]) -> None:
    """Let the next generation have these keys."""
    _release.run(connection, [msgspec.structs.astuple(claim) for claim in claims])


def holders(connection: Connection, claims: Iterable[Claim]) -> dict[tuple[str, str], str]:
    """Who holds these (process, key) pairs and has not released them."""
    pairs = [(claim.process, claim.key) for claim in claims]
    statement = select(business_keys.c.process, business_keys.c.key, business_keys.c.instance_id).where(
        tuple_(business_keys.c.process, business_keys.c.key).in_(pairs), business_keys.c.released.is_(False)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


def find(connection: Connection, ids: Sequence[str]) -> dict[str, Instance]:
    """Those of these instances that exist."""
    return {row[0]: Instance(*row) for row in connection.execute(select(instances).where(instances.c.id.in_(ids)))}


def search(
    connection: Connection,
    *,
    process: str | None = None,
    version: int | None = None,
    status: str | None = None,
    business_key: str | None = None,
    root: str | None = None,
    parent: str | None = None,
    open_only: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[Instance]:
    """Instances by id from `after` on, exclusive. `root`: that one and everything below it."""
    statement = select(instances).where(instances.c.id > after).order_by(instances.c.id).limit(limit)
    if process is not None:
        statement = statement.where(instances.c.process == process)
    if version is not None:
        statement = statement.where(instances.c.version == version)
    if status is not None:
        statement = statement.where(instances.c.status == status)
    if business_key is not None:
        statement = statement.where(instances.c.business_key == business_key)
    if root is not None:
        below = instances.c.parent.is_not(None) & (instances.c.root == root)
        statement = statement.where((instances.c.id == root) | below)
    if parent is not None:
        statement = statement.where(instances.c.parent == parent)
    if open_only:
        statement = statement.where(instances.c.ended_at.is_(None))
    return [Instance(*row) for row in connection.execute(statement)]


def any_open_inside(connection: Connection, root: str) -> bool:
    """Whether something that this root called has not ended."""
    c = instances.c
    return connection.execute(select(c.id).where(c.root == root, c.ended_at.is_(None)).limit(1)).first() is not None


def digests(connection: Connection, since: int, after: str, limit: int) -> list[tuple[str, int]]:
    """(instance, last seq) of instances that were open at or after `since`, by id from `after` on, exclusive."""
    page = (
        select(instances.c.id)
        .where(instances.c.id > after, (instances.c.ended_at.is_(None)) | (instances.c.ended_at >= since))
        .order_by(instances.c.id)
        .limit(limit)
        .subquery()
    )
    statement = (
        select(journal.c.instance_id, func.max(journal.c.seq))
        .join(page, page.c.id == journal.c.instance_id)
        .group_by(journal.c.instance_id)
        .order_by(journal.c.instance_id)
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]
