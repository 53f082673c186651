"""Housekeeping that one coordinator at a time does. Two at once would do no harm, only work: nothing depends on it."""

from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from saga_coordinator.clock import Clock
from saga_coordinator.store import duties
from service_kit.database import writing
from service_kit.ids import new_id


class Duty:
    """The duty `name`, taken for `seconds` and prolonged as long as it is asked for. For one thread."""

    def __init__(self, store: Engine, clock: Clock, name: str, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._name = name
        self._length = round(seconds * 1000)
        self._holder = new_id()
        self._until = 0

    def mine(self) -> bool:
        """Whether it is this coordinator's now. Another one's is over some time after that one has died. Raises
        sqlalchemy's errors."""
        now = self._clock.now()
        if now + self._length // 2 < self._until:
            return True
        with writing(self._store) as connection:
            taken = duties.take(connection, self._name, self._holder, now, now + self._length)
        self._until = now + self._length if taken else 0
        return taken

    def leave(self) -> None:
        """Another coordinator may have it at once; where the store is away, some time later."""
        if self._until:
            with suppress(SQLAlchemyError), writing(self._store) as connection:
                duties.leave(connection, self._name, self._holder)
            self._until = 0
