"""Carries out what was suspended or resumed as a whole.

Instances of a suspended process are suspended one by one (and they tell those that they have called), whatever they
began before everybody knew of it; those of one that was resumed go on. Commands whose system is not suspended any more
are freed.
Any number may look at the same time; what they publish twice is recognised.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from saga_coordinator import wire
from saga_coordinator.cache import folded
from saga_coordinator.clock import Clock
from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import Poison
from saga_coordinator.settings import Settings
from saga_coordinator.store import held_commands, journal, suspensions
from saga_coordinator.store.instances import Instance
from saga_coordinator.store.suspensions import PROCESS, SYSTEM, Suspension
from service_kit.broker import Broker, BrokerUnavailable
from service_kit.database import reading, writing
from service_kit.patience import Patience

_log = structlog.get_logger(__name__)
PAGE = 500
# So long after it ended, a coordinator that did not know may still have begun an instance as a suspended one.
GRACE_MS = 15_000


class Suspender:
    """For one thread."""

    def __init__(self, store: Engine, broker: Broker, clock: Clock, settings: Settings, patience: Patience) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._settings = settings
        self._patience = patience
        self._quiet_until: dict[tuple[str, str], float] = {}
        self._after: dict[str, str] = {}
        self._left: dict[str, int] = {}

    def run(self) -> None:
        """Look again and again until stopped."""
        while not self._patience.stopping.wait(self._settings.suspension_interval):
            try:
                while self.look() == PAGE:
                    pass
            except (DBAPIError, NoConnection, BrokerUnavailable) as error:
                _log.warning("suspensions.unavailable", error=str(error))

    def look(self) -> int:
        """Publish up to a page of what is to be done for each suspension; how many the longest of them has."""
        now = self._clock.now()
        with reading(self._store) as connection:
            rows = suspensions.every(connection)
        for known in set(self._after) - {row.id for row in rows}:
            self._forget(known)
        done = [self._free([row.name for row in rows if row.kind == SYSTEM and row.ended_at is None], now)]
        for row in rows:
            if row.kind == SYSTEM and row.ended_at is not None:
                self._remove(row)
            elif row.kind == PROCESS:
                done.append(self._suspend(row, now) if row.ended_at is None else self._resume(row, now))
        return max(done)

    def _free(self, suspended: Sequence[str], now: int) -> int:
        """Tell instances that their commands may go out: a row stays until the journal has that."""
        with reading(self._store) as connection:
            free = held_commands.free(connection, suspended, now, PAGE)
        if not free:
            return 0
        pause = round(self._settings.timer_republish * 1000)
        self._publish(
            i.CommandFreed(
                id=f"freed:{held.command}:{now // max(pause, 1)}",
                instance=held.instance,
                step=held.step,
                command=held.command,
            )
            for held in free
        )
        with writing(self._store) as connection:
            held_commands.wake_later(connection, [held.command for held in free], now + pause)
        return len(free)

    def _suspend(self, row: Suspension, now: int) -> int:
        """One page of instances that have not been told. Those that began as suspended ones need not be."""
        with reading(self._store) as connection:
            page = self._page(connection, row)
            fresh = [
                known for known in page if self._is_time(_suspend_id(row), known.id, now) and not _began_so(known, row)
            ]
            told = journal.seqs_of_inputs(connection, [(known.id, _suspend_id(row)) for known in fresh])
        self._quiet_until |= {(_suspend_id(row), instance): float("inf") for instance, _ in told}
        asked = [known.id for known in fresh if (known.id, _suspend_id(row)) not in told]
        who: dict[str, Any] = {"by": row.by, "reason": row.reason, "cause": row.id}
        self._publish(i.Suspend(id=_suspend_id(row), instance=instance, **who) for instance in asked)
        self._be_quiet(_suspend_id(row), asked, now)
        return len(page)

    def _resume(self, row: Suspension, now: int) -> int:
        """One page of instances that are suspended because of it. When a whole round finds none, the row goes."""
        if not self._after.get(row.id):
            self._left[row.id] = 0
        with reading(self._store) as connection:
            page = self._page(connection, row)
            states = _states(connection, [known.id for known in page if known.status == "suspended"])
        held = [state for state in states if row.id in state.suspensions]
        asked = [state for state in held if self._is_time(_resume_id(row), state.id, now)]
        who: dict[str, Any] = {"by": row.ended_by, "reason": row.ended_reason, "cause": row.id}
        self._publish(i.Resume(id=f"{_resume_id(row)}:{state.seq}", instance=state.id, **who) for state in asked)
        self._be_quiet(_resume_id(row), [state.id for state in asked], now)
        self._left[row.id] += len(held)
        if len(page) < PAGE and not self._left[row.id] and now > (row.ended_at or 0) + GRACE_MS:
            self._remove(row)
        return len(page)

    def _page(self, connection: Connection, row: Suspension) -> list[Instance]:
        """The next open instances of the process; after the last page it begins again."""
        after = self._after.get(row.id, "")
        members = suspensions.members(connection, row.name, after, PAGE)
        self._after[row.id] = members[-1].id if len(members) == PAGE else ""
        return members

    def _is_time(self, what: str, instance: str, now: int) -> bool:
        """Whether the instance has not been told lately: what it was told may have been lost."""
        return now >= self._quiet_until.get((what, instance), 0)

    def _be_quiet(self, what: str, instances: Sequence[str], now: int) -> None:
        until = now + round(self._settings.timer_republish * 1000)
        self._quiet_until |= {(what, instance): until for instance in instances}

    def _remove(self, row: Suspension) -> None:
        with writing(self._store) as connection:
            suspensions.remove(connection, [row.id])
        self._forget(row.id)

    def _forget(self, suspension: str) -> None:
        self._after.pop(suspension, None)
        self._left.pop(suspension, None)
        self._quiet_until = {key: at for key, at in self._quiet_until.items() if not key[0].endswith(suspension)}

    def _publish(self, inputs: Iterable[i.Input]) -> None:
        outgoing = [wire.input_event(input_, self._settings.lanes) for input_ in inputs]
        if outgoing:
            self._broker.publish(outgoing)


def _suspend_id(row: Suspension) -> str:
    return f"suspend:{row.id}"


def _resume_id(row: Suspension) -> str:
    return f"resume:{row.id}"


def _began_so(known: Instance, row: Suspension) -> bool:
    """Whether it began as a suspended instance."""
    return known.status == "suspended" and known.started_at >= row.at


def _states(connection: Connection, instances: Sequence[str]) -> list[InstanceState]:
    records = journal.load(connection, instances) if instances else {}
    states = []
    for instance, record in records.items():
        try:
            known = folded(instance, record) or folded(instance, journal.load_whole(connection, instance))
        except Poison as poison:
            _log.error("suspensions.unreadable", instance=instance, reason=str(poison))
            continue
        if known is not None:
            states.append(known.state)
    return states
