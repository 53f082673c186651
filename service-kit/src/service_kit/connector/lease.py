"""A connector process's lease: while it lasts, others leave its started commands alone; after it, it sends nothing.

The lease decides only who may send. What happened to a command whose owner is gone is found out by probe. So what was
started before a lapse is not sent after it, even by the same process with its lease renewed: others have concluded that
it never will be.
"""

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from service_kit.connector.sending import Permit
from service_kit.database import now_ms, writing

log = structlog.get_logger(__name__)

_RENEW = text(
    "INSERT INTO connector_workers (owner, alive_until) VALUES (:owner, :until)"
    " ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until"
)
_EXPIRE = text("UPDATE connector_workers SET alive_until = :now WHERE owner LIKE :pattern AND alive_until > :now")


class Lease:
    """Renewed by a thread of its own. `owner` is `<connector>:<unique>`; `ttl` in seconds, by `clock`."""

    def __init__(self, engine: Engine, owner: str, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._owner = owner
        self._ttl = ttl
        self._clock = clock
        self._until = 0.0
        self._lapses = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def start(self, *, alone: bool) -> None:
        """Take it. `alone`: no other process of this connector can be alive on this store, so theirs are over."""
        if alone:
            with writing(self._engine) as connection:
                pattern = self._owner.partition(":")[0] + ":%"
                connection.execute(_EXPIRE, {"now": now_ms(connection), "pattern": pattern})
        self.renew()
        self._thread.start()

    def valid(self) -> bool:
        """Whether this process may send now."""
        return self._clock() < self._until

    def permit(self) -> Permit:
        """For what is started now: whether it may be sent still. Once the lease has lapsed it may not for ever."""
        lapses = self._lapses
        return lambda: self.valid() and self._lapses == lapses

    def renew(self) -> None:
        """Lengthen it. Here it ends a little earlier than in the store."""
        before = self._clock()
        with writing(self._engine) as connection:
            until = now_ms(connection) + round(self._ttl * 1000)
            connection.execute(_RENEW, {"owner": self._owner, "until": until})
        if not self.valid():  # asked only now: it may have lapsed while the store took its time
            self._lapses += 1
        self._until = before + self._ttl * 0.8

    def stop(self) -> None:
        """Give it back: nothing is being sent any more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._until = 0.0
        try:
            with writing(self._engine) as connection:
                connection.execute(_EXPIRE, {"now": now_ms(connection), "pattern": self._owner})
        except SQLAlchemyError as error:  # it runs out by itself
            log.warning("lease.not_returned", error=type(error).__name__)

    def _keep(self) -> None:
        while not self._stopping.wait(self._ttl / 5):
            try:
                self.renew()
            except SQLAlchemyError as error:
                log.warning("lease.not_renewed", error=type(error).__name__, valid=self.valid())
