"""One statement for many rows: arrays on PostgreSQL (parsed and planned once), `executemany` on SQLite."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection


class Bulk:
    """A writing statement over rows of `columns` (name -> PostgreSQL type).

    `postgresql` reads them from `{v}`, a set of rows `v` with these columns; `sqlite` has one `?` per column, in order.
    """

    def __init__(self, columns: dict[str, str], *, postgresql: str, sqlite: str) -> None:
        arrays = ", ".join(f"%b::{type_}[]" for type_ in columns.values())
        self._postgresql = postgresql.replace("{v}", f"unnest({arrays}) AS v({', '.join(columns)})")
        self._sqlite = sqlite

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Execute for `rows`; the number of rows that were written."""
        if not rows:
            return 0
        if connection.dialect.name == "postgresql":
            arrays = tuple([list(column) for column in zip(*rows, strict=True)])
            return connection.exec_driver_sql(self._postgresql, arrays).rowcount
        return connection.exec_driver_sql(self._sqlite, list(rows)).rowcount


def insert(table: str, columns: dict[str, str], conflict: str = "DO NOTHING") -> Bulk:
    """Insert rows in the given order; `conflict` is what follows `ON CONFLICT`: rows that would break a unique
    constraint are left out where nothing else is said."""
    names = ", ".join(columns)
    marks = ", ".join("?" for _ in columns)
    into = f"INSERT INTO {table} ({names})"
    return Bulk(
        columns,
        postgresql=f"{into} SELECT {names} FROM {{v}} ON CONFLICT {conflict}",  # noqa: S608 - names from our own code
        sqlite=f"{into} VALUES ({marks}) ON CONFLICT {conflict}",
    )


def delete(table: str, columns: dict[str, str]) -> Bulk:
    """Delete the rows that have these values."""
    same = " AND ".join(f"{table}.{name} = v.{name}" for name in columns)
    these = " AND ".join(f"{name} = ?" for name in columns)
    return Bulk(
        columns,
        postgresql=f"DELETE FROM {table} USING {{v}} WHERE {same}",  # noqa: S608 - names from this package's code
        sqlite=f"DELETE FROM {table} WHERE {these}",  # noqa: S608 - the same
    )
