"""The two tables of the SQL queue and every statement on them."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from service_kit.broker import DEAD_LETTERS, BrokerError, BrokerUnavailable, Queue, QueueMissing
from service_kit.broker.batches import Unreadable, record
from service_kit.broker.dead_letters import TOO_MANY_DELIVERIES, wrap, wrap_body
from service_kit.database import create_private

BUSY_SECONDS = 30.0

# AUTOINCREMENT: an id is never used twice, so a late ack can never hit another event.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS broker_queues (name TEXT PRIMARY KEY, delivery_limit INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS broker_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    event BLOB NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,
    owner TEXT
);
CREATE INDEX IF NOT EXISTS broker_events_waiting ON broker_events (queue, id) WHERE owner IS NULL;
CREATE INDEX IF NOT EXISTS broker_events_taken ON broker_events (owner) WHERE owner IS NOT NULL;
"""


class Row(msgspec.Struct, frozen=True):
    """One stored event. `deliveries` counts the one under way."""

    id: int
    queue: str
    content: bytes
    deliveries: int


def open_file(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode on the file, in WAL mode. Raises `BrokerUnavailable`."""
    try:
        create_private(path)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        _use_wal(connection)
    except sqlite3.Error as error:
        raise BrokerUnavailable(f"Cannot open {path}: {error}") from error
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    # Several processes may switch a new file to WAL at once; SQLite does not call the busy handler there.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def create(connection: sqlite3.Connection) -> None:
    """Create the tables where they are missing, and the queue `dead-letters`."""
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)
    connection.execute("INSERT OR IGNORE INTO broker_queues VALUES (?, 0)", (DEAD_LETTERS,))


def declare(connection: sqlite3.Connection, queues: Iterable[Queue]) -> None:
    """Create queues or change their limits."""
    connection.executemany(
        "INSERT INTO broker_queues VALUES (?, ?) ON CONFLICT DO UPDATE SET delivery_limit = excluded.delivery_limit",
        [(queue.name, queue.delivery_limit) for queue in queues if queue.name != DEAD_LETTERS],
    )


def require(connection: sqlite3.Connection, queues: Iterable[str]) -> None:
    """Raises `QueueMissing` where one of the queues was never declared."""
    for name in queues:
        if not connection.execute("SELECT 1 FROM broker_queues WHERE name = ?", (name,)).fetchone():
            raise QueueMissing(f"No queue {name!r} has been declared")


def insert(connection: sqlite3.Connection, rows: Sequence[tuple[str, bytes]]) -> None:
    """Append (queue, encoded event) pairs."""
    connection.executemany("INSERT INTO broker_events (queue, event) VALUES (?, ?)", rows)


def depth(connection: sqlite3.Connection, queue: str) -> int:
    """How many events wait. Raises `QueueMissing`."""
    require(connection, [queue])
    (count,) = connection.execute(
        "SELECT count(*) FROM broker_events WHERE queue = ? AND owner IS NULL", (queue,)
    ).fetchone()
    return int(count)


def any_waiting(connection: sqlite3.Connection, queues: Sequence[str]) -> bool:
    """Whether an event waits in one of the queues."""
    statement = "SELECT 1 FROM broker_events WHERE queue = ? AND owner IS NULL LIMIT 1"
    return any(connection.execute(statement, (queue,)).fetchone() for queue in queues)


def take(connection: sqlite3.Connection, queues: Sequence[str], limit: int, owner: str) -> list[Row]:
    """Give up to `limit` of the oldest waiting events to `owner`, from the first queues first."""
    rows: list[Row] = []
    for queue in queues:
        found = connection.execute(
            "SELECT id, queue, event, deliveries + 1 FROM broker_events"
            " WHERE queue = ? AND owner IS NULL ORDER BY id LIMIT ?",
            (queue, limit - len(rows)),
        )
        rows.extend(Row(*values) for values in found)
        if len(rows) >= limit:
            break
    connection.executemany(
        "UPDATE broker_events SET owner = ?, deliveries = ? WHERE id = ?",
        [(owner, row.deliveries, row.id) for row in rows],
    )
    return rows


def delete(connection: sqlite3.Connection, ids: Iterable[int], owner: str) -> None:
    """Forget what `owner` has done with."""
    connection.executemany("DELETE FROM broker_events WHERE id = ? AND owner = ?", [(id_, owner) for id_ in ids])


def owners(connection: sqlite3.Connection) -> set[str]:
    """Everyone who holds something."""
    found = connection.execute("SELECT DISTINCT owner FROM broker_events WHERE owner IS NOT NULL")
    return {owner for (owner,) in found}


def release_all(connection: sqlite3.Connection, owner: str) -> None:
    """Give back everything that `owner` holds."""
    found = connection.execute("SELECT id FROM broker_events WHERE owner = ?", (owner,)).fetchall()
    release(connection, [id_ for (id_,) in found], owner)


def release(connection: sqlite3.Connection, ids: Iterable[int], owner: str) -> None:
    """Give back what `owner` holds; what was delivered as often as its queue allows goes to `dead-letters`."""
    for id_ in ids:
        spent = connection.execute(
            "SELECT id, queue, event, deliveries FROM broker_events JOIN broker_queues ON name = queue"
            " WHERE id = ? AND owner = ? AND delivery_limit > 0 AND deliveries >= delivery_limit",
            (id_, owner),
        ).fetchone()
        if spent:
            bury(connection, Row(*spent), TOO_MANY_DELIVERIES, owner)
        else:
            connection.execute("UPDATE broker_events SET owner = NULL WHERE id = ? AND owner = ?", (id_, owner))


def bury(connection: sqlite3.Connection, row: Row, reason: str, owner: str) -> None:
    """Move what `owner` holds to `dead-letters`, wrapped."""
    if connection.execute("DELETE FROM broker_events WHERE id = ? AND owner = ?", (row.id, owner)).rowcount:
        insert(connection, [(DEAD_LETTERS, letter(row, reason))])


def letter(row: Row, reason: str) -> bytes:
    """The encoded wrapper for a row, readable or not."""
    part = record(row.content)
    if isinstance(part, Unreadable):
        wrapper = wrap_body(row.content, queue=row.queue, reason=reason, deliveries=row.deliveries)
    else:
        wrapper = wrap(part, queue=row.queue, reason=reason, deliveries=row.deliveries)
    return msgspec.json.encode(wrapper)


def path_of(url: str) -> Path:
    """The file that a `sqlite:///...` URL names. Raises `BrokerError`."""
    _, separator, path = url.partition("sqlite:///")
    if separator and path and "?" not in path:
        return Path(path).resolve()
    raise BrokerError(f"Expected sqlite:///path without options, got {url!r}")
