"""Waiting for a store or a broker that is away, until it is back or this process is to stop."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from service_kit.broker import Broker, BrokerUnavailable, Consumer, Outgoing, Queue, QueueMissing, Source
from service_kit.database import is_unstorable

_log = structlog.get_logger(__name__)
_FIRST_S, _LONGEST_S = 0.05, 5.0
T = TypeVar("T")


class Stopped(Exception):
    """The process is to stop while something is away."""


class Unstorable(Exception):
    """The store can never take this, however often it is tried."""


class Patience:
    """Tries again with growing pauses; `stop` ends every wait."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._sleepers: list[Consumer] = []

    def stop(self) -> None:
        """End every wait."""
        self.stopping.set()
        for consumer in self._sleepers:
            consumer.wake()

    def consume(self, broker: Broker, sources: Sequence[Source]) -> Consumer:
        """A consumer that `stop` wakes. Raises `Stopped`."""
        consumer = self.with_broker(lambda: broker.consume(sources))
        self._sleepers.append(consumer)
        return consumer

    def with_store(self, work: Callable[[], T]) -> T:
        """`work()`, again as long as the store is away, out of order, or busy with a transaction that is in the way.
        Raises `Stopped`, and `Unstorable`."""
        for pause in self._pauses():
            try:
                return work()
            except (DBAPIError, NoConnection, OverflowError) as error:
                if is_unstorable(error):
                    raise Unstorable(f"the store cannot take it: {getattr(error, 'orig', error)}") from error
                _log.warning("store.unavailable", error=str(error), again_in_s=pause)
        raise Stopped

    def publish(self, broker: Broker, outgoing: list[Outgoing]) -> None:
        """Publish, again until it is confirmed; queues that nobody has declared yet are. Raises `Stopped`."""
        self.with_broker(lambda: _publish(broker, outgoing))

    def with_broker(self, work: Callable[[], T]) -> T:
        """`work()`, again as long as the broker is away. Raises `Stopped`."""
        for pause in self._pauses():
            try:
                return work()
            except BrokerUnavailable as error:
                _log.warning("broker.unavailable", error=str(error), again_in_s=pause)
        raise Stopped

    def _pauses(self) -> Iterator[float]:
        """The pause after each try that fails. There always is a first try: what is under way at a stop is finished."""
        pause = _FIRST_S
        while True:
            yield pause
            if self.stopping.wait(pause):
                return
            pause = min(pause * 2, _LONGEST_S)


def _publish(broker: Broker, outgoing: list[Outgoing]) -> None:
    if not outgoing:
        return
    try:
        broker.publish(outgoing)
    except QueueMissing:
        broker.declare([Queue(name) for name in sorted({item.queue for item in outgoing if _is_command(item)})])
        broker.publish(outgoing)


def _is_command(item: Outgoing) -> bool:
    return item.queue.startswith("commands.")
