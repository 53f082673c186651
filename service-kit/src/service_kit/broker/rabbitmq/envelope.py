"""A broker message on its way: which of its records are settled, and how often it came."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pika.spec import BasicProperties

from service_kit.broker.rabbitmq.settlement import Settlement
from service_kit.messages import CloudEvent

# Carried by what a consumer sent again: how often its events had been delivered before.
DELIVERIES_HEADER = "x-throughline-deliveries"


class Envelope:
    """One AMQP message as delivered. It is answered when all its records are settled."""

    __slots__ = ("again", "content", "headers", "number", "queue", "settlement", "size", "unsettled")

    def __init__(
        self, settlement: Settlement, number: int, queue: str, properties: BasicProperties, content: bytes
    ) -> None:
        self.settlement = settlement
        self.number = number
        self.queue = queue
        self.headers: dict[str, Any] = properties.headers or {}
        self.content = content
        self.size = 0
        self.unsettled: set[int] = set()
        self.again: list[CloudEvent] = []

    @property
    def deliveries(self) -> int:
        """How often it came, this time included. RabbitMQ 4.3 counts failures and acquisitions separately."""
        counted = max(self._count("x-delivery-count"), self._count("x-acquired-count"))
        return self._count(DELIVERIES_HEADER) + counted + 1

    def opened(self, records: Sequence[object]) -> None:
        """It turned out to hold these records."""
        self.size = len(records)
        self.unsettled = set(range(self.size))

    def settle(self, record: int, again: CloudEvent | None) -> bool:
        """Settle one record (`again`: it has to come back). True if that was the last one."""
        if record not in self.unsettled:
            return False
        self.unsettled.remove(record)
        if again is not None:
            self.again.append(again)
        return not self.unsettled

    def _count(self, header: str) -> int:
        value = self.headers.get(header, 0)
        return value if isinstance(value, int) else 0


class Tag(NamedTuple):
    """What a delivery remembers: the record `number` of a message."""

    envelope: Envelope
    number: int
