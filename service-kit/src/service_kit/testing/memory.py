"""A broker in memory, for unit tests: the same promises as the real ones, as long as the process lives."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from service_kit.broker import (
    DEAD_LETTERS,
    BrokerUnavailable,
    Consumer,
    Delivery,
    Outgoing,
    Queue,
    QueueMissing,
    Source,
)
from service_kit.broker.dead_letters import TOO_MANY_DELIVERIES, wrap
from service_kit.messages import CloudEvent


@dataclass(eq=False)
class _Record:
    event: CloudEvent
    queue: str
    deliveries: int = 0
    owner: "MemoryConsumer | None" = None


@dataclass(eq=False)
class _Line:
    queue: Queue
    waiting: deque[_Record] = field(default_factory=deque)


class MemoryBroker:
    """Implements the `Broker` port. Set `away = True` to make it unreachable, and back."""

    def __init__(self) -> None:
        self.away = False
        self._lines = {DEAD_LETTERS: _Line(Queue(DEAD_LETTERS))}
        self._changed = threading.Condition()
        self._consumers: list[MemoryConsumer] = []

    def declare(self, queues: Sequence[Queue]) -> None:
        """See `Broker.declare`."""
        with self._changed:
            self._require_presence()
            for queue in queues:
                line = self._lines.setdefault(queue.name, _Line(queue))
                line.queue = queue

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """See `Broker.publish`. All or nothing here."""
        with self._changed:
            self._require_presence()
            for item in outgoing:
                self._line(item.queue)
            for item in outgoing:
                self._line(item.queue).waiting.append(_Record(item.event, item.queue))
            self._changed.notify_all()

    def consume(self, sources: Sequence[Source]) -> Consumer:
        """See `Broker.consume`."""
        consumer = MemoryConsumer(self, [source.queue for source in sources])
        self._consumers.append(consumer)
        return consumer

    def depth(self, queue: str) -> int:
        """See `Broker.depth`."""
        with self._changed:
            self._require_presence()
            return len(self._line(queue).waiting)

    def healthy(self) -> bool:
        """See `Broker.healthy`."""
        return not self.away

    def close(self) -> None:
        """See `Broker.close`."""
        for consumer in self._consumers:
            consumer.close()

    def _require_presence(self) -> None:
        if self.away:
            raise BrokerUnavailable()

    def _line(self, name: str) -> _Line:
        try:
            return self._lines[name]
        except KeyError:
            raise QueueMissing(f"No queue {name!r} has been declared") from None

    def _pop(self, queues: Sequence[str], limit: int, owner: "MemoryConsumer") -> list[_Record]:
        records: list[_Record] = []
        for name in queues if not self.away else ():
            waiting = self._lines[name].waiting if name in self._lines else deque()
            while waiting and len(records) < limit:
                record = waiting.popleft()
                record.deliveries += 1
                record.owner = owner
                records.append(record)
        return records

    def _return(self, records: Sequence[_Record]) -> None:
        for record in reversed(records):
            record.owner = None
            line = self._lines[record.queue]
            if record.queue != DEAD_LETTERS and record.deliveries >= line.queue.delivery_limit:
                self._bury(record, TOO_MANY_DELIVERIES)
            else:
                line.waiting.appendleft(record)
        self._changed.notify_all()

    def _bury(self, record: _Record, reason: str) -> None:
        wrapper = wrap(record.event, queue=record.queue, reason=reason, deliveries=record.deliveries)
        self._lines[DEAD_LETTERS].waiting.append(_Record(wrapper, DEAD_LETTERS))
        self._changed.notify_all()


class MemoryConsumer:
    """Implements the `Consumer` port."""

    def __init__(self, broker: MemoryBroker, queues: Sequence[str]) -> None:
        self._broker = broker
        self._queues = queues
        self._taken: dict[_Record, None] = {}
        self._closed = False
        self._woken = False

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """See `Consumer.take`."""
        deadline = time.monotonic() + timeout
        with self._broker._changed:
            while not self._closed:
                records = self._broker._pop(self._queues, limit, self)
                remaining = deadline - time.monotonic()
                if records or remaining <= 0 or self._woken:
                    self._woken = False
                    self._taken.update(dict.fromkeys(records))
                    return [Delivery(record.event, record.queue, record.deliveries, record) for record in records]
                self._broker._changed.wait(remaining)
            return []

    def wake(self) -> None:
        """See `Consumer.wake`."""
        with self._broker._changed:
            self._woken = True
            self._broker._changed.notify_all()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.ack`."""
        self._settle(deliveries)

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.requeue`."""
        with self._broker._changed:
            self._broker._return(self._settle(deliveries))

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """See `Consumer.dead_letter`."""
        with self._broker._changed:
            self._broker._require_presence()
            for record in self._settle([delivery]):
                self._broker._bury(record, reason)

    def close(self) -> None:
        """See `Consumer.close`."""
        with self._broker._changed:
            self._closed = True
            taken, self._taken = list(self._taken), {}
            self._broker._return(taken)

    def _settle(self, deliveries: Sequence[Delivery]) -> list[_Record]:
        with self._broker._changed:
            named = dict.fromkeys(item.tag for item in deliveries if isinstance(item.tag, _Record))
            records = [record for record in named if record in self._taken]
            for record in records:
                del self._taken[record]
            return records
