"""The connectors' store: every statement is the real inbox's, on SQLite in memory; times are ages in between.

What a statement does depends on the rows that it names, their owners' leases and its arguments, so each case runs
once.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, create_engine, text

from e2e.model.world import ALIVE, SETTLED, Row
from service_kit.connector.inbox import Inbox
from service_kit.connector.models import metadata

UNIT_MS = 10**9  # one `settle`: so long that no test is too slow for it
SETTLE_S = UNIT_MS / 1000

Leases = tuple[tuple[str, int], ...]
InboxOf = Callable[[Any, str], Inbox]

_COLUMNS = "command, owner, started_at, sealed_at, finished_at, outcome"
_READ = text(f"SELECT {_COLUMNS} FROM inbox ORDER BY command")  # noqa: S608  # constants
_PUT = text(
    f"INSERT INTO inbox ({_COLUMNS}, operation, hub_key)"  # noqa: S608  # constants
    " VALUES (:command, :owner, :started, :sealed, :finished, :outcome, '', '')"
)
_LEASE = text("INSERT INTO connector_workers (owner, alive_until) VALUES (:owner, :until)")


class Told(NamedTuple):
    """What a statement answered, and the rows after it."""

    answer: Any
    rows: tuple[Row, ...]


class Store:
    """Runs statements of the real inbox. `inbox` makes it: another one breaks a rule."""

    def __init__(self, inbox: InboxOf = Inbox) -> None:
        self._engine = create_engine("sqlite://")
        metadata.create_all(self._engine)
        self._inbox = inbox
        self._told: dict[Any, Told] = {}

    def run(
        self, owner: str, rows: tuple[Row, ...], leases: Leases, method: str, arguments: Any, names: Iterable[str]
    ) -> Told:
        """`method` of the inbox of `owner`, which touches the rows of the commands `names`."""
        wanted = frozenset(names)
        named = tuple(row for row in rows if row.command in wanted)
        owners = {row.owner for row in named}
        held = tuple(lease for lease in leases if lease[0] in owners)
        key = (owner, named, held, method, repr(arguments))
        told = self._told.get(key)
        if told is None:
            told = self._told[key] = self._run(owner, named, held, method, arguments)
        if told.rows == named:
            return Told(told.answer, rows)
        others = [row for row in rows if row.command not in wanted]
        return Told(told.answer, tuple(sorted((*others, *told.rows), key=lambda row: row.command)))

    def _run(self, owner: str, rows: tuple[Row, ...], leases: Leases, method: str, arguments: Any) -> Told:
        now = time.time_ns() // 1_000_000
        with self._engine.begin() as connection:
            _fill(connection, rows, leases, now)
        answer = getattr(self._inbox(self._engine, owner), method)(*arguments)
        with self._engine.begin() as connection:
            return Told(answer, _read(connection, now))


def _fill(connection: Connection, rows: tuple[Row, ...], leases: Leases, now: int) -> None:
    connection.execute(text("DELETE FROM inbox"))
    connection.execute(text("DELETE FROM connector_workers"))
    for row in rows:
        times = {"started": row.started, "sealed": row.sealed, "finished": row.finished}
        connection.execute(_PUT, {**row._asdict(), **{name: _time(age, now) for name, age in times.items()}})
    for owner, age in leases:
        connection.execute(_LEASE, {"owner": owner, "until": now - age * UNIT_MS})


def _read(connection: Connection, now: int) -> tuple[Row, ...]:
    return tuple(
        Row(command, owner, _age(started, now), _age(sealed, now), _age(finished, now), outcome)
        for command, owner, started, sealed, finished, outcome in connection.execute(_READ)
    )


def _time(age: int | None, now: int) -> int | None:
    return None if age is None else now - age * UNIT_MS


def _age(at: int | None, now: int) -> int | None:
    return None if at is None else round((now - at) / UNIT_MS)


def older(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows when everything in them has settled."""
    return tuple(
        row._replace(started=_older(row.started), sealed=_older(row.sealed), finished=_older(row.finished))
        for row in rows
    )


def _older(age: int | None) -> int | None:
    return None if age is None else SETTLED


def leases_older(leases: Leases) -> Leases:
    """The leases then: those that last go on."""
    return tuple((owner, age if age == ALIVE else SETTLED) for owner, age in leases)
