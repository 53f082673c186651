"""The tables that connectors keep. Times are ms since the epoch by the store's clock."""

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, Table, Text, text
from sqlalchemy.types import TypeEngine

metadata = MetaData()
_SEALED = text("sealed_at IS NOT NULL")


def _text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


# One row per command that may change something: what it has come to. `started_at` is set before anything is sent,
# `sealed_at` when a probe forbade sending it; the outcome is JSON, its secrets sealed, and is
# written once; so is the `result` that an accepted one comes to later. `digest` tells inputs apart where the caller
# chose the command's id (an `Idempotency-Key`).
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
    Column("result", Text),
    Index("inbox_started", "started_at"),
    Index("inbox_sealed", "sealed_at", postgresql_where=_SEALED, sqlite_where=_SEALED),
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

# Commands that were acknowledged and are not answered for good (see `promises`). `request` is the command, with its
# secrets sealed; `place` its place in its system's line; `promised` until when the hub was told not to expect anything;
# `reference` what the system called what it accepted; `poll_at` when it is asked for the result.
promises = Table(
    "connector_promises",
    metadata,
    Column("command", _text(), primary_key=True),
    Column("connector", _text(), nullable=False),
    Column("system", _text(), nullable=False),
    Column("hub_key", _text(), nullable=False),
    Column("state", _text(), nullable=False),
    Column("request", Text, nullable=False),
    Column("traceparent", Text),
    Column("verify", Boolean, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("promised", BigInteger),
    Column("reason", Text),
    Column("answered", Boolean, nullable=False),
    Column("reference", _text()),
    Column("poll_at", BigInteger),
    Index("connector_promises_line", "connector", "state", "system", "place"),
    Index("connector_promises_reference", "connector", "system", "reference"),
    Index("connector_promises_hub_key", "connector", "system", "hub_key"),
)

# Results that came before what they are the result of was known here.
early_results = Table(
    "connector_early_results",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("connector", _text(), nullable=False),
    Column("system", _text(), nullable=False),
    Column("reference", _text()),
    Column("hub_key", _text()),
    Column("result", Text, nullable=False),
    Column("told_at", BigInteger, nullable=False),
)

# When the next call of a system with a rate limit may go, in us since the epoch.
pace = Table(
    "connector_pace",
    metadata,
    Column("line", _text(), primary_key=True),
    Column("next_at", BigInteger, nullable=False),
)
