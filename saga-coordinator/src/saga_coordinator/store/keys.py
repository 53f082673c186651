"""The keys that seal the secrets of instances."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, select, update

from saga_coordinator.models import instance_keys
from service_kit import bulk

_COLUMNS = {"instance_id": "text", "key": "bytea", "master": "text"}
_insert = bulk.insert("instance_keys", _COLUMNS)
_destroy = bulk.Bulk(
    {"instance_id": "text"},
    postgresql="INSERT INTO instance_keys (instance_id, key, master) SELECT instance_id, NULL, '' FROM {v}"
    " ON CONFLICT (instance_id) DO UPDATE SET key = NULL, master = ''",
    sqlite="INSERT INTO instance_keys (instance_id, key, master) VALUES (?, NULL, '')"
    " ON CONFLICT (instance_id) DO UPDATE SET key = NULL, master = ''",
)


def find(connection: Connection, instance: str) -> tuple[bytes | None, str] | None:
    """An instance's key (None: destroyed) and the name of the master key that wraps it."""
    c = instance_keys.c
    row = connection.execute(select(c.key, c.master).where(c.instance_id == instance)).first()
    return (row[0], row[1]) if row is not None else None


def insert(connection: Connection, instance: str, key: bytes, master: str) -> None:
    """Keep a key; one that is there already, or was destroyed, stays so."""
    _insert.run(connection, [(instance, key, master)])


def destroy(connection: Connection, instance: str) -> None:
    """Forget the key, and that there will never be one again."""
    _destroy.run(connection, [(instance,)])


def destroy_existing(connection: Connection, instances: Sequence[str]) -> None:
    """The same for those of these instances that have a key."""
    statement = update(instance_keys).where(instance_keys.c.instance_id.in_(instances))
    connection.execute(statement.values(key=None, master=""))


def other_master(connection: Connection, known: Iterable[str]) -> str | None:
    """The name of a master key other than the `known` that wraps a key."""
    c = instance_keys.c
    statement = select(c.master).where(c.master.not_in(["", *known])).limit(1)
    return connection.scalar(statement)


class Wrapped(msgspec.Struct, frozen=True):
    """A key as it is stored: wrapped by the master key named `master` ("": by none)."""

    instance: str
    key: bytes
    master: str


def not_wrapped_by(connection: Connection, master: str, after: str, limit: int) -> list[Wrapped]:
    """Keys that another master key wraps, or none, by instance from `after` on, exclusive."""
    c = instance_keys.c
    statement = (
        select(c.instance_id, c.key, c.master)
        .where(c.instance_id > after, c.master != master, c.key.is_not(None))
        .order_by(c.instance_id)
        .limit(limit)
    )
    return [Wrapped(*row) for row in connection.execute(statement)]


def wrap_again(connection: Connection, was: Wrapped, key: bytes, master: str) -> bool:
    """Keep the key in its new wrapping. False: it is not what it `was`; somebody was faster, or destroyed it."""
    c = instance_keys.c
    same = (c.instance_id == was.instance) & (c.key == was.key)
    return connection.execute(update(instance_keys).where(same).values(key=key, master=master)).rowcount == 1
