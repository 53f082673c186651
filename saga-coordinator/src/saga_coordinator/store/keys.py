"""The keys that seal the secrets of instances."""

from sqlalchemy import Connection, select

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


def other_master(connection: Connection, known: str) -> str | None:
    """The name of a master key other than `known` that wraps a key."""
    c = instance_keys.c
    statement = select(c.master).where(c.master.not_in(["", known])).limit(1)
    return connection.scalar(statement)
