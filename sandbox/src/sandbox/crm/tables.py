"""The tables of the CRM's books. `stamp` is `SystemModstamp` in milliseconds, unique over all records."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, String, Table

from sandbox.ledger import ledger_table

metadata = MetaData()

records = Table(
    "record",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(18), unique=True),
    Column("type", String(20), nullable=False),
    Column("parent", String(18), nullable=False, default="", index=True),
    Column("natural_key", String(255), nullable=False, default="", index=True),
    Column("hub_key", String(40), unique=True),
    Column("fields", JSON, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Column("stamp", BigInteger, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

history = Table(
    "order_history",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("order_id", String(18), nullable=False, index=True),
    Column("status", String(40), nullable=False),
    Column("hub_key", String(40), nullable=False),
    Column("at", BigInteger, nullable=False),
)

ledger = ledger_table(metadata)
