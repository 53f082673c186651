"""The consumer loop: takes journal entries, has them indexed, acknowledges them."""

import time
from collections.abc import Sequence

import structlog

from monitor_service.entries import Entry, Forgotten, told_by
from monitor_service.errors import Unreadable
from monitor_service.index import Index
from monitor_service.settings import Settings
from service_kit.broker import Broker, Consumer, Delivery, Source
from service_kit.patience import Patience, Stopped

JOURNAL = "journal"
TAKE_S = 0.5

_log = structlog.get_logger(__name__)


class Worker:
    """Follows the journal. For one thread."""

    def __init__(self, index: Index, broker: Broker, settings: Settings, patience: Patience) -> None:
        self._index = index
        self._broker = broker
        self._settings = settings
        self._patience = patience

    def run(self) -> None:
        """Until stopped. What was taken and not acknowledged then comes again, to this monitor or another."""
        source = Source(JOURNAL, prefetch=self._settings.prefetch)
        try:
            consumer = self._patience.consume(self._broker, [source])
        except Stopped:
            return
        try:
            while not self._patience.stopping.is_set():
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
            self._patience.stopping.wait(max(0.0, self._settings.pace - (time.monotonic() - began)))

    def step(self, consumer: Consumer, timeout: float) -> int:
        """Index up to a batch of entries; how many were taken. Raises `Stopped`."""
        deliveries = self._patience.with_broker(lambda: consumer.take(self._settings.batch, timeout))
        entries: list[tuple[Delivery, Entry]] = []
        forgotten: list[tuple[Delivery, Forgotten]] = []
        for delivery in deliveries:
            try:
                told = told_by(delivery.event)
            except Unreadable as error:
                self._bury(consumer, delivery, str(error))
                continue
            if isinstance(told, Entry):
                entries.append((delivery, told))
            else:
                forgotten.append((delivery, told))
        self._absorb(consumer, entries)
        self._forget(consumer, forgotten)
        return len(deliveries)

    def _forget(self, consumer: Consumer, taken: Sequence[tuple[Delivery, Forgotten]]) -> None:
        """After the entries that were taken with them: those came before."""
        if taken:
            self._patience.with_store(lambda: self._index.forget([told for _, told in taken]))
            self._patience.with_broker(lambda: consumer.ack([delivery for delivery, _ in taken]))

    def _absorb(self, consumer: Consumer, taken: Sequence[tuple[Delivery, Entry]]) -> None:
        """All at once; where that fails, by halves, so that one bad record costs no other."""
        if not taken:
            return
        entries = [entry for _, entry in taken]
        try:
            self._patience.with_store(lambda: self._index.absorb(entries))
        except Stopped:
            raise
        except Exception as error:
            _log.warning("monitor.batch_failed", entries=len(taken), error=repr(error))
            if len(taken) == 1:
                self._bury(consumer, taken[0][0], f"it cannot be indexed: {error}")
                return
            middle = len(taken) // 2
            self._absorb(consumer, taken[:middle])
            self._absorb(consumer, taken[middle:])
            return
        acked = [delivery for delivery, _ in taken]
        self._patience.with_broker(lambda: consumer.ack(acked))

    def _bury(self, consumer: Consumer, delivery: Delivery, reason: str) -> None:
        _log.error("monitor.unreadable", id=delivery.event.id, reason=reason)
        self._patience.with_broker(lambda: consumer.dead_letter(delivery, reason))
