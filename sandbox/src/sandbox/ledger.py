"""The append-only record of what happened in a system, written in the transaction of the effect itself."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Connection, Integer, MetaData, String, Table, insert, select

from sandbox.clock import now_ms


def ledger_table(metadata: MetaData, name: str = "ledger") -> Table:
    """The ledger's columns; `action` is create, cancel, reopen, change, consume, issue or status."""
    return Table(
        name,
        metadata,
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("action", String(20), nullable=False),
        Column("kind", String(20), nullable=False),
        Column("document", String(40), nullable=False),
        Column("hub_key", String(80), nullable=False),
        Column("business_key", String(80), nullable=False),
        Column("detail", JSON, nullable=False),
        Column("at", BigInteger, nullable=False),
    )


class Ledger:
    """Appends to and reads one system's ledger."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(
        self,
        connection: Connection,
        action: str,
        kind: str,
        document: str,
        hub_key: str,
        business_key: str,
        **detail: Any,
    ) -> None:
        """Records one effect; `detail` must be JSON."""
        row = {"action": action, "kind": kind, "document": document, "hub_key": hub_key, "business_key": business_key}
        connection.execute(insert(self._table).values(**row, detail=detail, at=now_ms()))

    def entries(self, connection: Connection) -> list[dict[str, Any]]:
        """All entries, oldest first."""
        rows = connection.execute(select(self._table).order_by(self._table.c.seq))
        return [dict(row._mapping) for row in rows]
