"""What this connector has acknowledged and still owes the hub: commands that wait for their system, and results that
systems will tell later. Any process of the connector keeps any of these promises.

First in, first out per system: a command is taken out of its line and marked as started in one transaction, so that it
is carried out once however many processes look. What a process takes out and does not answer before it dies is found by
the others (`orphans`), and answered by the rules of the inbox.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, select, update

from service_kit.connector import models, pace, promise_rows
from service_kit.connector.inbox import Inbox, Starting
from service_kit.connector.models import promises
from service_kit.connector.pace import Turns
from service_kit.connector.promise_rows import Asked, State
from service_kit.connector.rules import Row as Known
from service_kit.connector.safe import LOST
from service_kit.database import now_ms, reading, writing
from service_kit.messages import Command, Outcome
from service_kit.sealing import SealBroken

MANY = 200
A_MOMENT = 1_000

log = structlog.get_logger(__name__)
_decode_command = msgspec.json.Decoder(Command).decode
_outcomes = msgspec.json.Decoder(Outcome)
_columns = promises.c
_inbox = models.inbox.c


class Kept(msgspec.Struct, frozen=True):
    """A command that was acknowledged. `promised`: until when (ms) the hub was told not to expect anything, and the
    `reason`; `delay`: in how many seconds its turn is; `reference`: what the system calls it; `readable`: its secrets
    can be opened."""

    command: Command
    traceparent: str | None = None
    promised: int | None = None
    reason: str = ""
    delay: float = 0.0
    reference: str | None = None
    readable: bool = True


class Held(msgspec.Struct, frozen=True):
    """`kept` wait in their line now; `known` were carried out before, or are being."""

    kept: dict[str, Kept]
    known: dict[str, Known]


class Result(msgspec.Struct, frozen=True):
    """The result of an accepted command, to be told."""

    kept: Kept
    outcome: Outcome


class Promises:
    """One connector process's view. Thread-safe. Everything may be repeated after a failure."""

    def __init__(self, inbox: Inbox) -> None:
        self._engine = inbox.engine
        self._inbox = inbox
        self.connector = inbox.connector
        self._last_place = 0

    def hold(self, asked: Sequence[Asked], until: int | None, reason: str) -> Held:
        """Put commands at the end of their systems' lines. `until` (ms) is what the hub will be told."""
        commands = [item.command.id for item in asked]
        with writing(self._engine) as connection:
            known = {name: self._inbox.disowned(row) for name, row in self._inbox.rows(connection, commands).items()}
            now = now_ms(connection)
            rows = [self._waiting(item, now) for item in asked if item.command.id not in known]
            if rows:
                promise_rows.insert(connection, [row | {"promised": until, "reason": reason} for row in rows])
            waiting = [name for name in commands if name not in known]
            found = connection.execute(select(promises).where(_columns.command.in_(waiting))).all()
        return Held({row.command: self._kept(row) for row in found}, known)

    def put_back(self, asked: Asked, reason: str) -> bool:
        """Back to its line: this process had marked it as started and has certainly sent nothing. False if it was
        sealed meanwhile, and must not be sent any more."""
        with writing(self._engine) as connection:
            gone = delete(models.inbox).where(
                _inbox.command == asked.command.id,
                _inbox.owner == self._inbox.owner,
                _inbox.outcome.is_(None),
                _inbox.sealed_at.is_(None),
            )
            if connection.execute(gone).rowcount == 0:
                return not self._is_sealed(connection, asked.command.id)
            row = self._waiting(asked, now_ms(connection)) | {"reason": reason}
            promise_rows.insert(connection, [row])
            again = update(promises).where(_columns.command == asked.command.id)
            connection.execute(again.values(state=State.WAITING))
            return True

    def lines(self) -> dict[str, int]:
        """The systems that commands wait for, and when (ms) somebody must be told that they still do (0: now)."""
        due = func.min(func.coalesce(_columns.promised, _columns.kept_at + A_MOMENT))
        query = select(_columns.system, due).where(self._in_state(State.WAITING)).group_by(_columns.system)
        with reading(self._engine) as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}

    def are_open(self) -> bool:
        """Whether anything is owed to the hub but what waits in a line."""
        owed = _columns.state.in_((State.STARTED, State.ACCEPTED, State.RESULTED))
        query = select(_columns.command).where(_columns.connector == self.connector, owed).limit(1)
        with reading(self._engine) as connection:
            return connection.scalar(query) is not None

    def claim(self, system: str, limit: int, rate: float | None = None, kept_before: int | None = None) -> list[Kept]:
        """Take the first `limit` commands out of the line of `system` and mark them as started, those that were kept
        before `kept_before` (ms) where it is given; with a `rate`, as many as have their turn within a second."""
        with writing(self._engine) as connection:
            turns = pace.look(connection, f"{self.connector}/{system}", rate, limit) if rate else None
            count = limit if turns is None else turns.count
            rows = self._first(connection, system, count, kept_before) if count else []
            started = self._started(connection, rows)
            if turns is not None:
                pace.use(connection, f"{self.connector}/{system}", turns, len(started))
        return _with_turns([self._kept(row) for row in started], turns)

    def orphans(self, mine: Collection[str]) -> list[tuple[Kept, Known]]:
        """Commands that were taken out of a line by a process which is gone, or by this one without being `mine`, and
        what is known about them."""
        open_ = (_columns.state.in_((State.STARTED, State.ACCEPTED)), _columns.answered.is_(False))
        query = select(promises).where(_columns.connector == self.connector, *open_).limit(MANY + len(mine))
        with reading(self._engine) as connection:
            found = [row for row in connection.execute(query) if row.command not in mine]
            known = self._inbox.rows(connection, [row.command for row in found]) if found else {}
        rows = {name: self._inbox.disowned(row) for name, row in known.items()}
        return [(self._kept(row), rows[row.command]) for row in found if not rows[row.command].owner_lives]

    def answered(self, commands: Sequence[str]) -> None:
        """The replies to these commands are out."""
        mine = _columns.command.in_(commands)
        with writing(self._engine) as connection:
            connection.execute(delete(promises).where(mine, _columns.state == State.STARTED))
            connection.execute(update(promises).where(mine).values(answered=True))

    def unannounced(self, system: str) -> list[Kept]:
        """Commands of whose waiting the hub was not told, or not for that long."""
        with reading(self._engine) as connection:
            due = func.coalesce(_columns.promised, _columns.kept_at + A_MOMENT) <= now_ms(connection)
            query = select(promises).where(self._in_state(State.WAITING), _columns.system == system, due)
            found = connection.execute(query.order_by(_columns.place).limit(MANY)).all()
        return [self._kept(row) for row in found]

    def announced(self, commands: Sequence[str], until: int, reason: str) -> None:
        """The hub was told."""
        known = update(promises).where(_columns.command.in_(commands), _columns.state == State.WAITING)
        with writing(self._engine) as connection:
            connection.execute(known.values(promised=until, reason=reason))

    def polled(self) -> list[str]:
        """The systems that must be asked for results now."""
        with reading(self._engine) as connection:
            due = select(_columns.system).where(self._in_state(State.ACCEPTED), _columns.poll_at <= now_ms(connection))
            return list(connection.execute(due.distinct()).scalars())

    def polls(self, system: str, intervals: Mapping[str, float], limit: int) -> list[Kept]:
        """Accepted commands whose result it is time to ask for; the next time is `intervals` (s, by operation) later,
        whatever becomes of this one."""
        with writing(self._engine) as connection:
            now = now_ms(connection)
            due = select(promises).where(self._in_state(State.ACCEPTED), _columns.system == system)
            due = due.where(_columns.poll_at <= now).order_by(_columns.poll_at).limit(limit)
            kept = [self._kept(row) for row in connection.execute(due.with_for_update(skip_locked=True)).all()]
            for item in kept:
                later = now + round(intervals.get(item.command.operation, 60.0) * 1000)
                known = update(promises).where(_columns.command == item.command.id)
                connection.execute(known.values(poll_at=later))
        return kept

    def results(self) -> list[Result]:
        """Recorded results of which the hub was not told."""
        query = (
            select(promises, _inbox.result, _inbox.operation)
            .join(models.inbox, _inbox.command == _columns.command)
            .where(self._in_state(State.RESULTED))
            .limit(MANY)
        )
        with reading(self._engine) as connection:
            found = connection.execute(query).all()
        return [Result(self._kept(row), self._outcome(row)) for row in found]

    def told(self, commands: Sequence[str]) -> None:
        """The hub was told these results."""
        known = update(promises).where(_columns.command.in_(commands), _columns.state == State.RESULTED)
        with writing(self._engine) as connection:
            connection.execute(known.values(state=State.TOLD))

    def _outcome(self, row: Row[Any]) -> Outcome:
        return self._inbox.safe.opened(row.command, row.operation, _outcomes.decode(row.result))

    def _waiting(self, asked: Asked, now: int) -> dict[str, Any]:
        self._last_place = max(now * 1000, self._last_place + 1)
        return promise_rows.waiting(self.connector, self._inbox.safe, asked, now=now, place=self._last_place)

    def _is_sealed(self, connection: Connection, command: str) -> bool:
        mine = select(_inbox.sealed_at).where(_inbox.command == command, _inbox.owner == self._inbox.owner)
        return connection.scalar(mine.where(_inbox.outcome.is_(None))) is not None

    def _in_state(self, state: State) -> ColumnElement[bool]:
        return and_(_columns.connector == self.connector, _columns.state == state)

    def _first(self, connection: Connection, system: str, limit: int, kept_before: int | None) -> Sequence[Row[Any]]:
        query = select(promises).where(self._in_state(State.WAITING), _columns.system == system)
        if kept_before is not None:
            query = query.where(_columns.kept_at < kept_before)
        return connection.execute(query.order_by(_columns.place).limit(limit).with_for_update(skip_locked=True)).all()

    def _started(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        if not rows:
            return []
        commands = [_decode_command(row.request) for row in rows]
        starting = [Starting(command.id, command.operation, command.hub_key) for command in commands]
        started = self._inbox.start(connection, starting)
        taken = update(promises).where(_columns.command.in_(started))
        connection.execute(taken.values(state=State.STARTED, answered=False))
        known = [row.command for row in rows if row.command not in started]
        if known:  # another delivery of it was carried out meanwhile, and is answered by whoever did
            connection.execute(delete(promises).where(_columns.command.in_(known)))
        return [row for row in rows if row.command in started]

    def _kept(self, row: Row[Any]) -> Kept:
        command, readable = _decode_command(row.request), True
        try:
            command = self._inbox.safe.opened_command(command)
        except SealBroken:
            log.error("promise.unreadable", command=row.command, reason=LOST)
            readable = False
        return Kept(command, row.traceparent, row.promised, row.reason or "", 0.0, row.reference, readable)


def _with_turns(kept: list[Kept], turns: Turns | None) -> list[Kept]:
    if turns is None:
        return kept
    delays = turns.delays(len(kept))
    return [msgspec.structs.replace(item, delay=delay) for item, delay in zip(kept, delays, strict=True)]
