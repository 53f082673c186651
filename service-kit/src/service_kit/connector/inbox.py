"""The inbox: what every command that may change something has come to. Rules for its use are in `rules`.

Rows travel as one JSON parameter per statement: a batch of commands costs as much as one.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, text

from service_kit.connector import promise_rows
from service_kit.connector.promise_rows import Asked
from service_kit.connector.rules import SEALED, Row
from service_kit.connector.safe import Safe
from service_kit.database import is_sqlite, now_ms, reading, writing
from service_kit.messages import Accepted, Outcome, Unavailable

_encode = msgspec.json.Encoder().encode
_outcomes = msgspec.json.Decoder(Outcome)


class Starting(msgspec.Struct, frozen=True):
    """A command that is about to be carried out. `digest` of its input, where its id does not stand for its input."""

    command: str
    operation: str
    hub_key: str
    digest: str | None = None


class Finished(msgspec.Struct, frozen=True):
    """A command's outcome. `found`: by a probe; once the command is sealed, that may be what a later attempt did.
    `asked`: what was asked, so that the result of an accepted one can be told later; `every`: after how many seconds
    its system is asked for that, if it is."""

    command: str
    outcome: Outcome
    found: bool = False
    operation: str = ""
    asked: Asked | None = None
    every: float | None = None


class Exchanged(msgspec.Struct, frozen=True):
    """`started`: new, now this process's to carry out. `known`: rows that were there before. `recorded`: outcomes that
    were written (an outcome that another process had recorded first is in `known`)."""

    started: frozenset[str]
    recorded: frozenset[str]
    known: dict[str, Row]


class Inbox:
    """One connector process's view of the inbox. Thread-safe, but for one command only one thread may ask to carry it
    out: a row of this process without an outcome, which `exchange`, `claim` or `look` find, is nobody's work any more.
    So it is told like the row of a dead owner."""

    def __init__(self, engine: Engine, owner: str, safe: Safe | None = None) -> None:
        self.engine = engine
        self.owner = owner
        self.connector = owner.partition(":")[0]
        self.safe = safe or Safe()
        self._sql = _SQLITE if is_sqlite(engine) else _POSTGRESQL

    def exchange(self, finished: Sequence[Finished], starting: Sequence[Starting]) -> Exchanged:
        """Record outcomes and mark commands as started, in one transaction. What was `found` of a command that has been
        sealed meanwhile is not recorded.

        May be repeated after a failure whose result is not known: a row of this owner without an outcome is started.
        """
        with writing(self.engine) as connection:
            recorded = self._record(connection, finished)
            self._expect_results([item for item in finished if item.command in recorded], connection)
            started = self.start(connection, starting)
            others = [item.command for item in finished if item.command not in recorded]
            others += [item.command for item in starting if item.command not in started]
            known = self.rows(connection, others) if others else {}
        mine = {name for name in (item.command for item in starting) if name in known and self._is_mine(known[name])}
        others_rows = {name: self.disowned(row) for name, row in known.items() if name not in mine}
        return Exchanged(started | mine, recorded, others_rows)

    def claim(self, starting: Starting) -> Row | None:
        """Mark one command as started, or tell its row if it has one already. Unlike in `exchange`, a repeated
        claim is not taken for the first one: nobody can tell whether it was sent in between."""
        while True:
            with writing(self.engine) as connection:
                if self.start(connection, [starting]):
                    return None
                row = self.rows(connection, [starting.command]).get(starting.command)
            if row is not None:  # else it was released in between
                return self.disowned(row)

    def release(self, command: str) -> bool:
        """Forget a command of this process that was certainly not applied, so that it may be claimed again."""
        with writing(self.engine) as connection:
            return connection.execute(_RELEASE, {"command": command, "owner": self.owner}).rowcount == 1

    def seal(self, commands: Sequence[Starting]) -> dict[str, Row]:
        """Forbid to send these commands from now on, and tell what is known about them. One that was waiting in its
        system's line was certainly not sent."""
        rows, unsent = _rows_json(commands), Unavailable(reason=SEALED)
        with writing(self.engine) as connection:
            waited = promise_rows.withdraw(connection, [item.command for item in commands])
            connection.execute(self._sql["seal"], {"rows": rows, "now": now_ms(connection)})
            if waited:
                values = {"commands": waited, "outcome": _encode(unsent).decode(), "now": now_ms(connection)}
                connection.execute(_UNSENT, values)
            return self.rows(connection, [item.command for item in commands])

    def look(self, commands: Sequence[str]) -> dict[str, Row]:
        """The rows of these commands."""
        with reading(self.engine) as connection:
            return {name: self.disowned(row) for name, row in self.rows(connection, commands).items()}

    def take_over(self, row: Row) -> bool:
        """Make a started command of a dead owner this process's own; False if another was faster. May be repeated."""
        parameters = {"command": row.command, "owner": self.owner, "old": row.owner}
        with writing(self.engine) as connection:
            return connection.execute(_TAKE_OVER, {**parameters, "now": now_ms(connection)}).rowcount == 1

    def purge(self, before: int, limit: int = 1000) -> int:
        """Delete up to `limit` rows that were finished or sealed before `before` (ms), in a short transaction; returns
        how many. What is open stays: what was started and has no outcome, and what was accepted and has no result."""
        with writing(self.engine) as connection:
            connection.execute(_PURGE_WORKERS, {"before": before})
            commands = list(connection.execute(_TO_PURGE, {"before": before, "limit": limit}).scalars())
            if commands:
                connection.execute(_PURGE, {"commands": commands})
                connection.execute(_PURGE_PROMISES, {"commands": commands})
            return len(commands)

    def _record(self, connection: Connection, finished: Sequence[Finished]) -> frozenset[str]:
        if not finished:
            return frozenset()
        rows = [
            {"command": item.command, "outcome": _encode(self._sealed(item)).decode(), "found": item.found}
            for item in finished
        ]
        rows.sort(key=_by_command)
        return self._write(connection, "record", {"rows": _encode(rows).decode()})

    def _sealed(self, item: Finished) -> Outcome:
        return self.safe.sealed(item.command, item.operation, item.outcome)

    def _expect_results(self, recorded: Sequence[Finished], connection: Connection) -> None:
        now = 0
        for item in recorded:
            if isinstance(item.outcome, Accepted) and item.asked is not None:
                now = now or now_ms(connection)
                poll_at = now + round(item.every * 1000) if item.every is not None else None
                row = promise_rows.accepted(self.connector, self.safe, item.asked, item.outcome.reference, poll_at, now)
                promise_rows.accept(connection, row)

    def start(self, connection: Connection, starting: Sequence[Starting]) -> frozenset[str]:
        """Mark commands as started; which of them were not known before."""
        if not starting:
            return frozenset()
        return self._write(connection, "start", {"rows": _rows_json(starting), "owner": self.owner})

    def _write(self, connection: Connection, statement: str, parameters: dict[str, Any]) -> frozenset[str]:
        if is_sqlite(connection):
            parameters["now"] = now_ms(connection)
        return frozenset(connection.execute(self._sql[statement], parameters).scalars())

    def rows(self, connection: Connection, commands: Iterable[str]) -> dict[str, Row]:
        """What is known about these commands."""
        parameters = {"rows": _encode([{"command": command} for command in commands]).decode()}
        now = now_ms(connection)
        found = connection.execute(self._sql["look"], parameters)
        return {values[0]: self._row(values, now) for values in found}

    def _row(self, values: Sequence[Any], now: int) -> Row:
        command, operation, owner, started_at, sealed_at, finished_at, outcome, digest, result, owner_until = values
        return Row(
            command=command,
            owner=owner,
            started_at=started_at,
            sealed_at=sealed_at,
            finished_at=finished_at,
            outcome=self._outcome(command, operation, outcome),
            result=self._outcome(command, operation, result),
            owner_until=owner_until,
            digest=digest,
            now=now,
        )

    def _outcome(self, command: str, operation: str, kept: str | None) -> Outcome | None:
        return self.safe.opened(command, operation, _outcomes.decode(kept)) if kept is not None else None

    def _is_mine(self, row: Row) -> bool:
        return row.owner == self.owner and row.outcome is None and row.sealed_at is None

    def disowned(self, row: Row) -> Row:
        """The row of this process as if its owner were dead: what no thread carries out is nobody's work."""
        return msgspec.structs.replace(row, owner_until=None) if row.owner == self.owner else row


def _by_command(row: dict[str, Any]) -> str:
    return str(row["command"])


def _rows_json(commands: Iterable[Starting]) -> str:
    # Sorted, so that two processes that take the same commands lock their rows in the same order.
    return _encode(sorted(commands, key=lambda item: item.command)).decode()


# S608: the parts that are put together are constants.
_COLUMNS = (
    "i.command, i.operation, i.owner, i.started_at, i.sealed_at, i.finished_at, i.outcome, i.digest, i.result,"
    " w.alive_until"
)
_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

_POSTGRESQL = {
    "record": text(
        f"UPDATE inbox SET outcome = r.outcome, finished_at = {_CLOCK}"  # noqa: S608
        " FROM json_to_recordset(CAST(:rows AS json)) AS r(command text, outcome text, found boolean)"
        " WHERE inbox.command = r.command AND inbox.outcome IS NULL AND NOT (r.found AND inbox.sealed_at IS NOT NULL)"
        " RETURNING inbox.command"
    ),
    "start": text(
        "INSERT INTO inbox (command, operation, hub_key, digest, owner, started_at)"  # noqa: S608
        f" SELECT r.command, r.operation, r.hub_key, r.digest, :owner, {_CLOCK}"
        " FROM json_to_recordset(CAST(:rows AS json)) AS r(command text, operation text, hub_key text, digest text)"
        " ON CONFLICT (command) DO NOTHING RETURNING command"
    ),
    "seal": text(
        "INSERT INTO inbox (command, operation, hub_key, sealed_at)"
        " SELECT r.command, r.operation, r.hub_key, :now"
        " FROM json_to_recordset(CAST(:rows AS json)) AS r(command text, operation text, hub_key text)"
        " ON CONFLICT (command) DO UPDATE SET sealed_at = COALESCE(inbox.sealed_at, excluded.sealed_at)"
    ),
    "look": text(
        f"SELECT {_COLUMNS} FROM json_to_recordset(CAST(:rows AS json)) AS r(command text)"  # noqa: S608
        " JOIN inbox i ON i.command = r.command LEFT JOIN connector_workers w ON w.owner = i.owner"
    ),
}

_SQLITE = {
    "record": text(
        "UPDATE inbox SET outcome = r.value ->> 'outcome', finished_at = :now FROM json_each(:rows) AS r"
        " WHERE inbox.command = r.value ->> 'command' AND inbox.outcome IS NULL"
        " AND NOT (r.value ->> 'found' AND inbox.sealed_at IS NOT NULL) RETURNING inbox.command"
    ),
    "start": text(
        "INSERT INTO inbox (command, operation, hub_key, digest, owner, started_at)"
        " SELECT value ->> 'command', value ->> 'operation', value ->> 'hub_key', value ->> 'digest', :owner, :now"
        " FROM json_each(:rows) WHERE true ON CONFLICT (command) DO NOTHING RETURNING command"
    ),
    "seal": text(
        "INSERT INTO inbox (command, operation, hub_key, sealed_at)"
        " SELECT value ->> 'command', value ->> 'operation', value ->> 'hub_key', :now"
        " FROM json_each(:rows) WHERE true"
        " ON CONFLICT (command) DO UPDATE SET sealed_at = COALESCE(inbox.sealed_at, excluded.sealed_at)"
    ),
    "look": text(
        f"SELECT {_COLUMNS} FROM json_each(:rows) AS r JOIN inbox i ON i.command = r.value ->> 'command'"  # noqa: S608
        " LEFT JOIN connector_workers w ON w.owner = i.owner"
    ),
}

_TAKE_OVER = text(
    "UPDATE inbox SET owner = :owner, started_at = :now"
    " WHERE command = :command AND owner IN (:old, :owner) AND outcome IS NULL AND sealed_at IS NULL"
)
_RELEASE = text("DELETE FROM inbox WHERE command = :command AND owner = :owner AND outcome IS NULL")
_UNSENT = text(
    "UPDATE inbox SET outcome = :outcome, finished_at = :now"
    " WHERE command IN :commands AND started_at IS NULL AND outcome IS NULL"
).bindparams(bindparam("commands", expanding=True))
_TO_PURGE = text(
    "SELECT command FROM inbox i WHERE ((started_at < :before AND finished_at < :before)"
    " OR (sealed_at < :before AND (started_at IS NULL OR started_at < :before)"
    " AND (finished_at IS NULL OR finished_at < :before)))"
    " AND NOT EXISTS (SELECT 1 FROM connector_promises p WHERE p.command = i.command AND p.state <> 'told')"
    " LIMIT :limit"
)
_PURGE = text("DELETE FROM inbox WHERE command IN :commands").bindparams(bindparam("commands", expanding=True))
_PURGE_PROMISES = text("DELETE FROM connector_promises WHERE state = 'told' AND command IN :commands").bindparams(
    bindparam("commands", expanding=True)
)
_PURGE_WORKERS = text("DELETE FROM connector_workers WHERE alive_until < :before")
