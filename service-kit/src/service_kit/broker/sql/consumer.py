"""The consumer port on the SQL queue's tables."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import structlog

from service_kit.broker import DEAD_LETTERS, BrokerUnavailable, Delivery, Source
from service_kit.broker.batches import Unreadable, record
from service_kit.broker.sql import table
from service_kit.broker.sql.table import Row

if TYPE_CHECKING:
    from service_kit.broker.sql.broker import SqlBroker

_log = structlog.get_logger(__name__)
# Only what other processes publish waits for this; the own process rings.
_SLOW_POLL = 0.25


class SqlConsumer:
    """Implements the `Consumer` port."""

    def __init__(self, broker: "SqlBroker", sources: Sequence[Source], owner: str) -> None:
        self._broker = broker
        self._owner = owner
        self._tiers = _tiers(sources)
        self._bell = broker.signals.listen(frozenset(source.queue for source in sources))
        self._reader = table.open_file(broker.path)
        self._reading = threading.Lock()
        self._closed = False
        self._woken = False

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """See `Consumer.take`."""
        deadline = time.monotonic() + timeout
        while not self._closed:
            self._bell.rung.clear()
            taken = self._take_now(limit)
            remaining = deadline - time.monotonic()
            if taken or remaining <= 0 or self._woken:
                self._woken = False
                return taken
            if not self._bell.rung.wait(min(remaining, _SLOW_POLL)):
                self._search()
        return []

    def wake(self) -> None:
        """See `Consumer.wake`."""
        self._woken = True
        self._bell.rung.set()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.ack`. Stored soon; a crash in between delivers again."""
        ids = [row.id for row in _rows(deliveries)]
        if ids and not self._closed:
            self._broker.writer.post(partial(table.delete, ids=ids, owner=self._owner))

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.requeue`."""
        rows = _rows(deliveries)
        wakes = frozenset([DEAD_LETTERS, *(row.queue for row in rows)])
        if rows and not self._closed:
            write = partial(table.release, ids=[row.id for row in rows], owner=self._owner)
            self._broker.writer.post(write, wakes=wakes)

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """See `Consumer.dead_letter`. One transaction here."""
        for row in _rows([delivery]):
            self._bury(msgspec.structs.replace(row, content=msgspec.json.encode(delivery.event)), reason)

    def close(self) -> None:
        """See `Consumer.close`."""
        with self._reading:
            if self._closed:
                return
            self._closed = True
            self._reader.close()
        self._bell.rung.set()
        wakes = frozenset([DEAD_LETTERS]).union(*self._tiers)
        self._broker.writer.call(partial(table.release_all, owner=self._owner), wakes=wakes)
        self._broker.forget(self)

    def _take_now(self, limit: int) -> list[Delivery]:
        try:
            return self._deliveries(self._claim(limit))
        except (BrokerUnavailable, sqlite3.Error) as error:
            _log.warning("broker.take-failed", error=str(error))
            return []

    def _claim(self, limit: int) -> list[Row]:
        # Locked until it is committed: nothing may be claimed for a consumer that has been closed.
        with self._reading:
            if self._closed or not any(table.any_waiting(self._reader, tier) for tier in self._tiers):
                return []
            queues = [queue for tier in self._tiers for queue in tier]
            for tier in self._tiers:
                tier.rotate(-1)
            return self._broker.writer.call(partial(table.take, queues=queues, limit=limit, owner=self._owner))

    def _deliveries(self, rows: Sequence[Row]) -> list[Delivery]:
        deliveries = []
        for row in rows:
            part = record(row.content)
            if isinstance(part, Unreadable):
                _log.error("broker.unreadable", queue=row.queue, reason=part.reason)
                self._bury(row, part.reason)
            else:
                deliveries.append(Delivery(part, row.queue, row.deliveries, row))
        return deliveries

    def _bury(self, row: Row, reason: str) -> None:
        write = partial(table.bury, row=row, reason=reason, owner=self._owner)
        self._broker.writer.call(write, durable=True, wakes=frozenset([DEAD_LETTERS]))

    def _search(self) -> None:
        try:
            self._broker.take_back_from_the_dead()
        except BrokerUnavailable as error:
            _log.warning("broker.search-failed", error=str(error))


def _tiers(sources: Sequence[Source]) -> list[deque[str]]:
    """The queues by falling priority; those of one priority take turns at being first."""
    priorities = sorted({source.priority for source in sources}, reverse=True)
    return [deque(source.queue for source in sources if source.priority == priority) for priority in priorities]


def _rows(deliveries: Sequence[Delivery]) -> list[Row]:
    return [delivery.tag for delivery in deliveries if isinstance(delivery.tag, Row)]
