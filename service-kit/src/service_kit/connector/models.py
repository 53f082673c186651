"""The tables that connectors keep. Times are ms since the epoch by the store's clock."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def _text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


# One row per command that may change something: what it has come to. `started_at` is set before anything is sent,
# `sealed_at` when a probe forbade sending it; the outcome is JSON and is written once. `digest`
# tells inputs apart where the caller chose the command's id (an `Idempotency-Key`).
inbox = Table(
    "inbox",
    metadata,
    Column("command", _text(), primary_key=True),
    Column("operation", _text(), nullable=False),
    Column("hub_key", _text(), nullable=False),
    Column("owner", _text()),
    Column("started_at", BigInteger),
    Column("sealed_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("outcome", Text),
    Column("digest", Text),
)

# Connector processes and until when they may send.
workers = Table(
    "connector_workers",
    metadata,
    Column("owner", _text(), primary_key=True),
    Column("alive_until", BigInteger, nullable=False),
)

# How far each event source has read.
watermarks = Table(
    "event_watermarks",
    metadata,
    Column("source", _text(), primary_key=True),
    Column("watermark", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
