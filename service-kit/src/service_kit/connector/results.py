"""Results of what systems had accepted: an adapter that asks for them, an event source, or a caller of the REST door
tells them; the worker passes them on (`promises`). A result that comes before the command's acceptance was recorded is
kept until it is.
"""

from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, or_, select, text, update

from service_kit.connector import models
from service_kit.connector.inbox import Inbox
from service_kit.connector.models import early_results, promises
from service_kit.connector.promise_rows import State
from service_kit.database import now_ms, reading, writing
from service_kit.errors import KitError
from service_kit.ids import derived_id
from service_kit.messages import Completed, Outcome, Rejected

MANY = 100

_encode = msgspec.json.Encoder().encode
_outcomes = msgspec.json.Decoder(Outcome)
_columns, _early, _inbox = promises.c, early_results.c, models.inbox.c


class Told(StrEnum):
    """What became of a result: recorded now, recorded before with the `same` or `another` content, or kept because
    nothing is known yet of what it is the result of."""

    RECORDED = "recorded"
    SAME = "same"
    ANOTHER = "another"
    EARLY = "early"


class Ambiguous(KitError):
    """Several accepted commands have this reference: tell the hub key."""


class LateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was accepted under `reference` (or has this `hub_key`) is finished: Completed or Rejected."""

    outcome: Completed | Rejected
    reference: str | None = None
    hub_key: str | None = None


class Results:
    """Records results. Thread-safe; a result may be told any number of times."""

    def __init__(self, inbox: Inbox) -> None:
        self._engine = inbox.engine
        self._inbox = inbox

    def tell(self, system: str, result: LateResult) -> Told:
        """Record a result of `system`. Raises `Ambiguous`, and `ValueError` where it says of nothing what it is the
        result of."""
        if result.reference is None and result.hub_key is None:
            raise ValueError("a result needs a reference or a hub key")
        with writing(self._engine) as connection:
            found = connection.execute(self._matching(system, result)).all()
            accepted = [row for row in found if row.state == State.ACCEPTED]
            if len(accepted) > 1:
                raise Ambiguous
            if accepted:
                return self._record(connection, accepted[0].command, result.outcome)
            if found:
                return self._told_again(connection, found[-1], result.outcome)
            self._keep(connection, system, result)
            return Told.EARLY

    def record(self, command: str, outcome: Completed | Rejected) -> Told:
        """Record the result of one command."""
        with writing(self._engine) as connection:
            return self._record(connection, command, outcome)

    def match(self) -> int:
        """Record the early results whose command was accepted since; how many."""
        with reading(self._engine) as connection:
            early = connection.execute(_MATCHED, {"connector": self._inbox.connector, "limit": MANY}).all()
        for row in early:
            with writing(self._engine) as connection:
                outcome = self._inbox.safe.opened_early(row.id, _outcomes.decode(row.result))
                if isinstance(outcome, Completed | Rejected):
                    self._record(connection, row.command, outcome)
                connection.execute(delete(early_results).where(_early.id == row.id))
        return len(early)

    def purge(self, before: int) -> int:
        """Delete the early results that were told before `before` (ms); how many."""
        with writing(self._engine) as connection:
            return connection.execute(delete(early_results).where(_early.told_at < before)).rowcount

    def _matching(self, system: str, result: LateResult) -> Any:
        same = []
        if result.reference is not None:
            same.append(_columns.reference == result.reference)
        if result.hub_key is not None:
            same.append(_columns.hub_key == result.hub_key)
        states = (State.ACCEPTED, State.RESULTED, State.TOLD)
        query = select(promises).where(_columns.connector == self._inbox.connector, _columns.system == system)
        return query.where(_columns.state.in_(states), or_(*same)).order_by(_columns.kept_at).with_for_update()

    def _record(self, connection: Connection, command: str, outcome: Completed | Rejected) -> Told:
        row = connection.execute(select(models.inbox).where(_inbox.command == command)).one_or_none()
        if row is None:
            return Told.SAME
        if row.result is not None:
            return self._compared(connection, row, outcome)
        kept = self._inbox.safe.sealed(command, row.operation, outcome)
        mine = update(models.inbox).where(_inbox.command == command)
        connection.execute(mine.values(result=_encode(kept).decode()))
        waits = update(promises).where(_columns.command == command, _columns.state == State.ACCEPTED)
        connection.execute(waits.values(state=State.RESULTED, poll_at=None))
        return Told.RECORDED

    def _told_again(self, connection: Connection, row: Row[Any], outcome: Completed | Rejected) -> Told:
        told = self._compared(connection, row, outcome)
        if told is Told.SAME:  # whoever says it again may do so because the hub seems not to know: it does no harm
            mine = update(promises).where(_columns.command == row.command, _columns.state == State.TOLD)
            connection.execute(mine.values(state=State.RESULTED))
        return told

    def _compared(self, connection: Connection, row: Row[Any], outcome: Completed | Rejected) -> Told:
        known = self._inbox.rows(connection, [row.command]).get(row.command)
        return Told.SAME if known is None or known.result == outcome else Told.ANOTHER

    def _keep(self, connection: Connection, system: str, result: LateResult) -> None:
        text_ = _encode(result).decode()
        id_ = derived_id(self._inbox.connector, system, text_)
        kept = {
            "id": id_,
            "connector": self._inbox.connector,
            "system": system,
            "reference": result.reference,
            "hub_key": result.hub_key,
            "result": _encode(self._inbox.safe.sealed_early(id_, result.outcome)).decode(),
            "told_at": now_ms(connection),
        }
        connection.execute(_KEEP, kept)


_KEEP = text(
    "INSERT INTO connector_early_results (id, connector, system, reference, hub_key, result, told_at)"
    " VALUES (:id, :connector, :system, :reference, :hub_key, :result, :told_at) ON CONFLICT (id) DO NOTHING"
)
_MATCHED = text(
    "SELECT e.id, e.result, p.command FROM connector_early_results e JOIN connector_promises p"
    " ON p.connector = e.connector AND p.system = e.system AND (p.reference = e.reference OR p.hub_key = e.hub_key)"
    " WHERE e.connector = :connector AND p.state = 'accepted'"
    " ORDER BY e.told_at LIMIT :limit"
)
