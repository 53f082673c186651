"""One database per system. On SQLite: WAL, `synchronous=NORMAL` (survives kill -9), writers take the lock at BEGIN."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, Insert, create_engine, event

BUSY_SECONDS = 30


class Database:
    """A system's books: many readers, one writer at a time."""

    def __init__(self, url: str) -> None:
        self.engine = _open(url)
        self._write_engine = self.engine.execution_options(write=True)
        self._write_lock = Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent snapshot."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end and rolls back when anything is raised."""
        with self._write_lock, self._write_engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def insert_row(connection: Connection, new: Insert) -> int:
    """Inserts one row and returns the number that the database gave it."""
    key = connection.execute(new).inserted_primary_key
    if key is None:
        raise ValueError("the insert was not of one row")
    return int(key[0])


def _open(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    # pysqlite would begin transactions by itself, and only at the first write
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
