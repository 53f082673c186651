"""What operators have suspended as a whole: systems (no command goes out to them) and processes (nothing begins).

Every coordinator looks at the store's rows again after `Settings.suspension_interval`; until then it believes what it
saw. Nothing depends on that being right: what was not held back in time is out, and what was held back in vain is freed
by whoever looks next (see `saga_coordinator.suspender`).
"""

import threading
import time

import msgspec
from sqlalchemy import Engine

from saga_coordinator.store import suspensions
from saga_coordinator.store.suspensions import PROCESS, SYSTEM
from service_kit.database import reading


class Suspended(msgspec.Struct, frozen=True):
    """What is suspended now: names of systems, and the suspension's id by process."""

    systems: frozenset[str] = frozenset()
    processes: dict[str, str] = {}


NOTHING = Suspended()


class Suspensions:
    """The rows as they were a moment ago. Thread-safe. Raises sqlalchemy's errors where it has to look and cannot."""

    def __init__(self, store: Engine, interval: float) -> None:
        self._store = store
        self._interval = interval
        self._lock = threading.Lock()
        self._seen = NOTHING
        self._seen_at = float("-inf")

    def current(self) -> Suspended:
        """What is suspended, at most an interval ago."""
        with self._lock:
            due = time.monotonic() - self._seen_at >= self._interval
        return self.refreshed() if due else self._seen

    def refreshed(self) -> Suspended:
        """What is suspended now."""
        looked_at = time.monotonic()
        with reading(self._store) as connection:
            rows = suspensions.active(connection)
        seen = Suspended(
            frozenset(row.name for row in rows if row.kind == SYSTEM),
            {row.name: row.id for row in rows if row.kind == PROCESS},
        )
        with self._lock:
            if looked_at > self._seen_at:
                self._seen, self._seen_at = seen, looked_at
        return seen

    def is_active(self, cause: str) -> bool:
        """Whether the suspension of a process with this id has not ended."""
        return cause in self.current().processes.values() or cause in self.refreshed().processes.values()
