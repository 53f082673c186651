"""The two stores, PostgreSQL and SQLite, behind SQLAlchemy engines that are set up as the hub needs them.

SQLite: WAL, `synchronous=FULL` (a committed transaction survives a power cut), foreign keys, and `BEGIN IMMEDIATE` for
every transaction but those of `reading`: a deferred transaction that turns into a writer cannot wait for its turn.
Writers of one process queue up at a lock, because SQLite's own waiting is by sleeping.
"""

import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError

from service_kit.errors import KitError

BUSY_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_S = 10
_READING = "service_kit_reading"
# Classes of SQLSTATE: data exceptions (a NUL in a text), and limits (a key that is too long for an index).
_NEVER = ("22", "54")

_writers: dict[str, threading.Lock] = {}
_writers_lock = threading.Lock()


class UnknownStore(KitError):
    """A database URL must begin with sqlite: or postgresql:"""


def open_engine(url: str, *, pool_size: int = 4) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`; nothing is connected yet. Raises `UnknownStore`."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _open_sqlite(parsed, pool_size)
        case "postgresql" | "postgres":
            return _open_postgresql(parsed, pool_size)
    raise UnknownStore()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back when it raises."""
    if not is_sqlite(engine):
        with engine.begin() as connection:
            yield connection
        return
    with _writer_lock(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: one snapshot, and no waiting for writers."""
    with engine.connect().execution_options(**{_READING: True}) as connection, connection.begin():
        yield connection


def is_sqlite(source: Engine | Connection) -> bool:
    """Which of the two it is."""
    return source.dialect.name == "sqlite"


def is_gone(error: DBAPIError) -> bool:
    """Whether the store was away or busy, so that the same may work later."""
    if is_unstorable(error):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | sqlalchemy.exc.InterfaceError)


def is_unstorable(error: BaseException) -> bool:
    """Whether the store can never take what it was given, however often it is tried."""
    if isinstance(error, DataError | IntegrityError | OverflowError):  # the last: SQLite's driver, beyond 64 bits
        return True
    cause = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(cause, "sqlstate", None) or "").startswith(_NEVER)


def create_private(path: str | Path) -> None:
    """An empty file that only this user may read, if there is none: SQLite's own would be everybody's to read."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:  # it is there, or cannot be created: then opening it says why
        return


def now_ms(connection: Connection) -> int:
    """The store's clock, in ms since the epoch: the one clock that all processes on this store agree on."""
    if is_sqlite(connection):  # a file's clock is its machine's
        return time.time_ns() // 1_000_000
    return int(connection.scalar(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")) or 0)


def migrate(engine: Engine, package: str) -> None:
    """Bring the tables of `package` up to date by its Alembic revisions in `<package>/migrations/versions`.

    Any number of processes may do this at the same moment: one does the work, the others wait. Each package has a
    version table of its own, so that several may share a database.
    """
    script = ScriptDirectory(str(Path(str(files(package))) / "migrations"))
    with writing(engine) as connection:
        if not is_sqlite(connection):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(package.encode())})

        def upgrade(revision: Any, _: MigrationContext) -> Any:
            return script._upgrade_revs("head", revision)

        options = {
            "fn": upgrade,
            "script": script,
            "version_table": "version_of_" + package.replace(".", "_"),
            "transactional_ddl": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        with _operations(context):
            context.run_migrations()


@contextmanager
def _operations(context: MigrationContext) -> Iterator[None]:
    # Alembic's `op` is a proxy per process, and several services may migrate in one process (embedded mode).
    from alembic.operations import Operations

    with _migrating, Operations.context(context):
        yield


_migrating = threading.Lock()


def _open_postgresql(url: sqlalchemy.URL, pool_size: int) -> Engine:
    return sqlalchemy.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # they are customers' data, and errors are logged
        pool_recycle=1800,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )


def _open_sqlite(url: sqlalchemy.URL, pool_size: int) -> Engine:
    engine = sqlalchemy.create_engine(
        url.set(drivername="sqlite+pysqlite"), pool_size=pool_size, max_overflow=pool_size, hide_parameters=True
    )
    event.listen(engine, "do_connect", _create_sqlite)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_sqlite(_dialect: Any, _record: Any, arguments: Any, _parameters: Any) -> None:
    path = str(arguments[0])
    if path and path != ":memory:" and not path.startswith("file:"):
        create_private(path)


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    # Turning WAL on does not wait for a busy file by itself.
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    deferred = connection.get_execution_options().get(_READING)
    connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")


def _writer_lock(engine: Engine) -> threading.Lock:
    path = str(Path(engine.url.database or "").resolve())
    with _writers_lock:
        return _writers.setdefault(path, threading.Lock())
