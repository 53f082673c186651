"""Contents that journal rows and snapshots refer to, each stored once (see `saga_coordinator.blobs`).

Who refers to a content holds a share of its row until the reference is committed; who wants to delete it holds the row
and then looks for references. So neither overlooks the other.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from saga_coordinator.blobs import referred
from saga_coordinator.models import blob_references, blobs
from service_kit import bulk

_insert = bulk.insert("blobs", {"digest": "text", "content": "bytea"})
_refer = bulk.insert("blob_references", {"instance_id": "text", "digest": "text"})


def insert(connection: Connection, contents: Mapping[str, bytes], references: Iterable[tuple[str, str]]) -> None:
    """Keep contents by digest, those that are there already as they are, with the (instance, digest) that refer to
    them."""
    digests = sorted(contents)
    held: set[str] = set()
    while len(held) < len(digests):  # one that is being deleted is not there any more when its share was waited for
        _insert.run(connection, [(digest, contents[digest]) for digest in digests])
        share = select(blobs.c.digest).where(blobs.c.digest.in_(digests)).order_by(blobs.c.digest)
        held = set(connection.scalars(share.with_for_update(read=True, key_share=True)))
    _refer.run(connection, sorted(references))


def release(connection: Connection, instances: Sequence[str]) -> None:
    """These instances refer to nothing any more; contents that nobody else refers to are deleted."""
    c = blob_references.c
    digests = sorted(set(connection.scalars(select(c.digest).where(c.instance_id.in_(instances)))))
    if not digests:
        return
    connection.execute(delete(blob_references).where(c.instance_id.in_(instances)))
    hold = select(blobs.c.digest).where(blobs.c.digest.in_(digests)).order_by(blobs.c.digest).with_for_update()
    held = connection.scalars(hold).all()
    wanted = set(connection.scalars(select(c.digest).where(c.digest.in_(held))))
    connection.execute(delete(blobs).where(blobs.c.digest.in_([digest for digest in held if digest not in wanted])))


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
