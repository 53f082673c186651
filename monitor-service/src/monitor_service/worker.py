"""The consumer loop: takes journal entries, has them indexed, acknowledges them."""

import threading
import time
from collections.abc import Sequence

import structlog

from monitor_service.entries import Entry, entry_of
from monitor_service.errors import Unreadable
from monitor_service.index import Index
from monitor_service.settings import Settings
from monitor_service.waiting import Stopped, is_away, patiently
from service_kit.broker import Broker, Consumer, Delivery, Source

JOURNAL = "journal"
TAKE_S = 0.5

_log = structlog.get_logger(__name__)


class Worker:
    """Follows the journal. For one thread."""

    def __init__(self, index: Index, broker: Broker, settings: Settings, stopping: threading.Event) -> None:
        self._index = index
        self._broker = broker
        self._settings = settings
        self._stopping = stopping

    def run(self) -> None:
        """Until stopped. What was taken and not acknowledged then comes again, to this monitor or another."""
        source = Source(JOURNAL, prefetch=self._settings.prefetch)
        try:
            consumer = patiently(lambda: self._broker.consume([source]), self._stopping)
        except Stopped:
            return
        try:
            while not self._stopping.is_set():
                self._round(consumer)
        except Stopped:
            _log.info("monitor.stopped_while_waiting")
        finally:
            consumer.close()

    def _round(self, consumer: Consumer) -> None:
        """Entries that come one by one are still written together: a commit costs more than an entry."""
        began = time.monotonic()
        taken = self.step(consumer, TAKE_S)
        if 0 < taken < self._settings.batch:
            self._stopping.wait(max(0.0, self._settings.pace - (time.monotonic() - began)))

    def step(self, consumer: Consumer, timeout: float) -> int:
        """Index up to a batch of entries; how many were taken. Raises `Stopped`."""
        deliveries = patiently(lambda: consumer.take(self._settings.batch, timeout), self._stopping)
        good: list[tuple[Delivery, Entry]] = []
        for delivery in deliveries:
            try:
                good.append((delivery, entry_of(delivery.event)))
            except Unreadable as error:
                self._bury(consumer, delivery, str(error))
        self._absorb(consumer, good)
        return len(deliveries)

    def _absorb(self, consumer: Consumer, taken: Sequence[tuple[Delivery, Entry]]) -> None:
        """All at once; where that fails, by halves, so that one bad record costs no other."""
        if not taken:
            return
        entries = [entry for _, entry in taken]
        try:
            patiently(lambda: self._index.absorb(entries), self._stopping)
        except Stopped:
            raise
        except Exception as error:
            if is_away(error):
                raise
            _log.warning("monitor.batch_failed", entries=len(taken), error=repr(error))
            if len(taken) == 1:
                self._bury(consumer, taken[0][0], f"it cannot be indexed: {error}")
                return
            middle = len(taken) // 2
            self._absorb(consumer, taken[:middle])
            self._absorb(consumer, taken[middle:])
            return
        acked = [delivery for delivery, _ in taken]
        patiently(lambda: consumer.ack(acked), self._stopping)

    def _bury(self, consumer: Consumer, delivery: Delivery, reason: str) -> None:
        _log.error("monitor.unreadable", id=delivery.event.id, reason=reason)
        patiently(lambda: consumer.dead_letter(delivery, reason), self._stopping)
