"""The gateway's tables. Times are integer milliseconds since the epoch."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)
# One valid key of a name: a caller's Idempotency-Keys belong to the name and survive a change of key.
Index(
    "api_keys_name",
    api_keys.c.name,
    unique=True,
    postgresql_where=api_keys.c.revoked_at.is_(None),
    sqlite_where=api_keys.c.revoked_at.is_(None),
)

audit = Table(
    "audit",
    metadata,
    # SQLite counts up by itself only in an INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("target", Text),
    Column("reason", Text),
    Column("status", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
)
