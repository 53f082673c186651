"""Contents that journal rows and snapshots refer to, each stored once (see `saga_coordinator.blobs`)."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from saga_coordinator.blobs import referred
from saga_coordinator.models import blobs
from service_kit import bulk

_insert = bulk.insert("blobs", {"digest": "text", "content": "bytea"})


def insert(connection: Connection, contents: Mapping[str, bytes]) -> None:
    """Keep contents by digest; those that are there already stay."""
    _insert.run(connection, sorted(contents.items()))


def of(connection: Connection, texts: Iterable[bytes]) -> dict[str, bytes]:
    """Everything that these stored texts refer to, directly or through other contents. Asks nothing if that is
    nothing."""
    found: dict[str, bytes] = {}
    wanted: set[str] = set().union(*map(referred, texts))
    while wanted:
        rows = connection.execute(select(blobs.c.digest, blobs.c.content).where(blobs.c.digest.in_(sorted(wanted))))
        new = {row[0]: row[1] for row in rows}
        found |= new
        wanted = set().union(*map(referred, new.values())) - found.keys()
    return found
