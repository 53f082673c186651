"""The broker port on RabbitMQ."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from service_kit.broker import BrokerUnavailable, Consumer, Outgoing, Queue, QueueMissing, Source
from service_kit.broker.batches import bodies
from service_kit.broker.rabbitmq.address import Address
from service_kit.broker.rabbitmq.consumer import RabbitConsumer
from service_kit.broker.rabbitmq.publisher import Message, Publisher
from service_kit.broker.rabbitmq.tls import told
from service_kit.broker.rabbitmq.topology import Topology
from service_kit.messages import CloudEvent

T = TypeVar("T")
_NOT_FOUND = 404
_HEALTH_SECONDS = 3.0


class RabbitBroker:
    """Implements the `Broker` port. Connects when it is first needed."""

    def __init__(self, url: str, *, name: str) -> None:
        self._address = Address.parse(url)
        self._name = name
        self._topology = Topology(self._address)
        self._publisher = Publisher(self._address, self._topology, name)
        self._lock = threading.Lock()
        self._consumers: list[RabbitConsumer] = []

    def declare(self, queues: Sequence[Queue]) -> None:
        """See `Broker.declare`. Raises `BrokerError` where something else has the name of a queue."""
        self._ask(lambda connection: self._topology.declare(connection, queues))

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """See `Broker.publish`."""
        self._publisher.send(list(self._messages(outgoing)))

    def consume(self, sources: Sequence[Source]) -> Consumer:
        """See `Broker.consume`. Does not wait for the connection."""
        consumer = RabbitConsumer(self._address, self._topology, self._publisher, sources, self._name)
        with self._lock:
            self._consumers = [*(each for each in self._consumers if not each.closed), consumer]
        return consumer

    def depth(self, queue: str) -> int:
        """See `Broker.depth`. Counts broker messages."""

        def count(connection: pika.BlockingConnection) -> int:
            answer = connection.channel().queue_declare(self._address.queue(queue), passive=True)
            return int(answer.method.message_count)

        try:
            return self._ask(count)
        except ChannelClosedByBroker as error:
            if error.reply_code == _NOT_FOUND:
                raise QueueMissing(f"No queue {queue!r} has been declared") from error
            raise BrokerUnavailable(error.reply_text) from error

    def healthy(self) -> bool:
        """See `Broker.healthy`. Asks on the publishing connection."""
        return self._publisher.answers(_HEALTH_SECONDS)

    def close(self) -> None:
        """See `Broker.close`."""
        with self._lock:
            consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            consumer.close()
        self._publisher.close()

    def _messages(self, outgoing: Sequence[Outgoing]) -> Iterator[Message]:
        by_queue: dict[str, list[CloudEvent]] = {}
        for item in outgoing:
            by_queue.setdefault(item.queue, []).append(item.event)
        for queue, events in by_queue.items():
            for body in bodies(events):
                headers = {"traceparent": body.traceparent} if body.traceparent else {}
                yield Message(self._address.queue(queue), body.content, body.content_type, headers)

    def _ask(self, question: Callable[[pika.BlockingConnection], T]) -> T:
        """Ask on a connection of its own: this is rare, and a refusal must not hurt the publisher."""
        try:
            connection = pika.BlockingConnection(self._address.parameters(f"{self._name} declares"))
            try:
                return question(connection)
            finally:
                with suppress(AMQPError):
                    connection.close()
        except ChannelClosedByBroker:
            raise
        except (AMQPError, OSError) as error:
            raise BrokerUnavailable(f"The broker cannot be reached: {told(error)}") from error
