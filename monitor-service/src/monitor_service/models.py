"""The monitor's tables. Times are integer milliseconds since the epoch, by the coordinator's store.

Text is compared byte by byte ("C"): ids are looked up and sorted, never shown in a language's order.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def _text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


# The journal as it was received: `facts` is JSON. Timelines are folded from these rows when they are read.
entries = Table(
    "entries",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("facts", LargeBinary, nullable=False),
)

# What is searched: each row is the fold of the instance's entries 1 to `seq`. `previous_seq` is what `seq` was before
# the last write: two monitors that write the same instance find out by it.
instances = Table(
    "instances",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("process", _text(), nullable=False),
    Column("version", Integer, nullable=False),
    Column("business_key", _text()),
    Column("status", _text(), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("error", _text()),
    Column("incidents", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("previous_seq", Integer, nullable=False),
    Column("parent", _text()),
    Column("root", _text()),
)
_is_child = instances.c.parent.is_not(None)
Index("instances_root", instances.c.root, postgresql_where=_is_child, sqlite_where=_is_child)
Index("instances_started", instances.c.started_at, instances.c.id)
Index("instances_status", instances.c.status, instances.c.started_at)
Index("instances_key", instances.c.business_key)

documents = Table(
    "documents",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("system", _text(), primary_key=True),
    Column("name", _text(), primary_key=True),
    Column("number", _text(), primary_key=True),
    Column("operation", _text(), nullable=False),
)
Index("documents_number", documents.c.number)

# `seq` is the entry that raised it.
incidents = Table(
    "incidents",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("element", _text(), nullable=False),
    Column("system", _text(), nullable=False),
    Column("operation", _text(), nullable=False),
    Column("code", _text(), nullable=False),
    Column("message", _text(), nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("resolved_by", _text()),
)
Index(
    "incidents_open",
    incidents.c.raised_at,
    postgresql_where=incidents.c.resolved_at.is_(None),
    sqlite_where=incidents.c.resolved_at.is_(None),
)

# Instances of which entries up to `wanted` exist and are not here, or not in one piece.
gaps = Table(
    "gaps",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("wanted", Integer, nullable=False),
)

# Instances whose entries up to `up_to` were purged or erased: those are not kept, should they come (again).
forgotten = Table(
    "forgotten",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("up_to", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("forgotten_at", forgotten.c.at)

# Names and kinds of the elements of a process version (JSON), read from its diagram once.
diagrams = Table(
    "diagrams",
    metadata,
    Column("process", _text(), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("elements", LargeBinary, nullable=False),
)

# When the journals were compared with the coordinator's for the last time.
comparisons = Table(
    "comparisons",
    metadata,
    Column("name", _text(), primary_key=True),
    Column("at", BigInteger, nullable=False),
)
