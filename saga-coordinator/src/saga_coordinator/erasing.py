"""Erasing the values of an instance that has ended: what happened stays, what it was about does not.

The engine records that it is to be done (`ValuesErased`); then the rows before are rewritten, page by page, and what
else still tells the values is deleted. Done again after a crash it comes to the same.
"""

from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from saga_coordinator import wire
from saga_coordinator.clock import Clock
from saga_coordinator.engine import Decision, InstanceState, fold
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.erasing import erased
from saga_coordinator.errors import Poison
from saga_coordinator.settings import Settings
from saga_coordinator.store import blobs, erasures, journal, keys, messages
from saga_coordinator.store.erasures import Erasure
from saga_coordinator.store.journal import Row
from service_kit.broker import Broker
from service_kit.database import reading, writing

_log = structlog.get_logger(__name__)


def erased_decision(before: InstanceState, input_: Any, decision: Decision) -> tuple[Any, Decision]:
    """What is decided on an instance without values brings it no new ones."""
    identifiers = decision.state.identifiers_erased
    facts = [erased(fact, identifiers) for fact in decision.facts]
    state = decision.state
    if facts:
        state = fold(before, facts, seq=state.seq, at=input_.at)
    return erased(input_, identifiers), msgspec.structs.replace(decision, facts=facts, state=state)


class Eraser:
    """Does what was recorded. Thread-safe; the same erasure may be at work anywhere else."""

    def __init__(self, store: Engine, broker: Broker, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._page = settings.retention_rows
        self._lanes = settings.lanes

    def erase_due(self, limit: int) -> int:
        """Do up to `limit` of the erasures that are to be done; how many were. One whose journal cannot be read stays,
        and is told in the log. Raises sqlalchemy's errors and `BrokerUnavailable`."""
        with reading(self._store) as connection:
            due = erasures.to_do(connection, limit)
        return sum(map(self._attempt, due))

    def erase(self, instance: str) -> None:
        """Do what is to be done on this instance, if anything is. Raises as `erase_due`, and `Poison`."""
        with reading(self._store) as connection:
            due = erasures.to_do(connection, 1, instance)
        for row in due:
            self._erase(row)

    def _attempt(self, row: Erasure) -> bool:
        try:
            self._erase(row)
        except Poison as error:
            _log.error("erasure.impossible", instance=row.instance, reason=str(error))
            return False
        return True

    def _erase(self, row: Erasure) -> None:
        after, children = 0, set[str]()
        while after < row.seq:
            with writing(self._store) as connection:
                after = self._rewrite(connection, row, after, children)
        with writing(self._store) as connection:
            forget_seen(connection, row.instance, row.identifiers)
            journal.delete_snapshots(connection, [row.instance], up_to=row.seq)
            blobs.release(connection, [row.instance])
            keys.destroy_existing(connection, [row.instance])
            if row.identifiers:
                erasures.hide_key(connection, row.instance)
        told = [wire.input_event(_with_caller(child, row), self._lanes) for child in sorted(children)]
        self._broker.publish([*told, wire.forgotten_event(row.instance, row.seq)])
        with writing(self._store) as connection:
            erasures.done(connection, row, self._clock.now())
        _log.info("erasure.done", instance=row.instance, rows=row.seq, identifiers=row.identifiers)

    def _rewrite(self, connection: Connection, row: Erasure, after: int, children: set[str]) -> int:
        """Rewrite the next page of rows; the seq of its last. Instances that were called are added to `children`."""
        page = [r for r in journal.rows_from(connection, row.instance, after + 1, self._page) if r.seq <= row.seq]
        if not page:  # purged meanwhile
            return row.seq
        page = journal.with_contents(connection, page)
        facts = [wire.facts_of(each) for each in page]
        children |= {fact.child for told in facts for fact in told if isinstance(fact, f.ChildCalled)}
        rewritten = [_without_values(*each, row.identifiers) for each in zip(page, facts, strict=True)]
        journal.rewrite(connection, rewritten)
        return page[-1].seq


def _without_values(row: Row, told: list[f.Fact], identifiers: bool) -> Row:
    facts = [erased(fact, identifiers) for fact in told]
    input_ = erased(wire.stored_input(row), identifiers)
    return msgspec.structs.replace(row, input=wire.encode(input_), facts=wire.encode(facts), contents={})


def _with_caller(child: str, caller: Erasure) -> i.Erase:
    """The same act on an instance that was called; the same input however often it is told."""
    return i.Erase(
        id=f"erase:{child}:{caller.seq}",
        instance=child,
        identifiers=caller.identifiers,
        of=caller.instance,
        reason=f"with its caller {caller.instance}",
    )


def forget_seen(connection: Connection, instance: str, identifiers: bool) -> None:
    """Events that became inputs of this instance are remembered without their values."""
    rows = messages.seen_by(connection, instance)
    inputs = {id_: wire.inputs_of(encoded) for id_, encoded in rows.items()}
    changed = {
        id_: wire.encode([erased(x, identifiers) if x.instance == instance else x for x in became])
        for id_, became in inputs.items()
    }
    messages.rewrite_seen(connection, changed)
