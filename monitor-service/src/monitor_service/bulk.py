"""One statement for many rows: arrays on PostgreSQL (planned once, whatever their number), `executemany` on SQLite."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

_TYPES = {str: "text", int: "bigint", bytes: "bytea"}


class Upsert:
    """Insert rows; `conflict` is what follows `ON CONFLICT`. Columns have a Python type: str, int or bytes."""

    def __init__(self, table: str, columns: dict[str, type], conflict: str = "DO NOTHING") -> None:
        names = ", ".join(columns)
        arrays = ", ".join(f"%b::{_TYPES[kind]}[]" for kind in columns.values())
        marks = ", ".join("?" for _ in columns)
        into = f"INSERT INTO {table} ({names})"
        self._postgresql = f"{into} SELECT {names} FROM unnest({arrays}) AS v({names}) ON CONFLICT {conflict}"  # noqa: S608 - names from this package
        self._sqlite = f"{into} VALUES ({marks}) ON CONFLICT {conflict}"

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Execute; the number of rows that were written."""
        if not rows:
            return 0
        if connection.dialect.name == "postgresql":
            arrays = tuple([list(column) for column in zip(*rows, strict=True)])
            return connection.exec_driver_sql(self._postgresql, arrays).rowcount
        return connection.exec_driver_sql(self._sqlite, list(rows)).rowcount
