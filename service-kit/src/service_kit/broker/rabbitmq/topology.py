"""The queues as RabbitMQ is told of them.

`x-delivery-limit` counts returns, so a queue whose events may be delivered n times gets n - 1. At-least-once
dead-lettering needs `x-overflow: reject-publish` (https://www.rabbitmq.com/docs/quorum-queues). RabbitMQ before 3.12
accepts `x-consumer-timeout` and ignores it. The arguments are the same for every version of the server, because those
of an existing queue cannot be changed: where only limits differ, the queue is kept as it is and a warning is logged.
"""

import threading
from collections.abc import Sequence
from typing import Any

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import Channel
from pika.exceptions import ChannelClosedByBroker

from service_kit.broker import DEAD_LETTERS, BrokerError, Queue
from service_kit.broker.rabbitmq.address import Address

_log = structlog.get_logger(__name__)
_DIFFERENT_ARGUMENT = "inequivalent arg"
_TOLERATED = ("x-delivery-limit", "x-consumer-timeout", "x-expires")
# "None" is spelled differently before 4.0 (no argument) and since (-1); this means it everywhere.
_NO_DELIVERY_LIMIT = 1_000_000_000


class Topology:
    """Remembers what was declared, so that it can be declared again on a server that has lost it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._queues: dict[str, Queue] = {}
        self._kept_as_they_are: set[str] = set()

    def delivery_limit(self, name: str) -> int | None:
        """The limit of a queue that this process declared."""
        queue = self._queues.get(name)
        return queue.delivery_limit if queue and name != DEAD_LETTERS else None

    def ack_timeout(self, name: str) -> int:
        """Seconds that a consumer may hold what it took."""
        return self._queues.get(name, Queue(name)).ack_timeout

    def declare(self, connection: pika.BlockingConnection, queues: Sequence[Queue]) -> None:
        """Create what is missing. Raises `BrokerError` where a queue of another kind has the name."""
        for queue in (Queue(DEAD_LETTERS), *(queue for queue in queues if queue.name != DEAD_LETTERS)):
            channel = connection.channel()
            try:
                self._declare(channel, queue)
                channel.close()
            except ChannelClosedByBroker as error:
                self._keep_or_refuse(queue, error)
            with self._lock:
                self._queues[queue.name] = queue

    def redeclare(self, channel: Channel) -> None:
        """Ask, without waiting for an answer, for all the queues that this process declared."""
        with self._lock:
            queues = [queue for name, queue in self._queues.items() if name not in self._kept_as_they_are]
        for queue in queues:
            self._declare(channel, queue)

    def refused(self, error: BaseException) -> None:
        """The server closed a channel that redeclared: if it found other arguments, do not ask for them again."""
        if isinstance(error, ChannelClosedByBroker) and _DIFFERENT_ARGUMENT in error.reply_text:
            with self._lock:
                self._kept_as_they_are.update(self._queues)

    def _declare(self, channel: Channel | BlockingChannel, queue: Queue) -> None:
        exchange = self._address.queue(DEAD_LETTERS)
        if queue.name == DEAD_LETTERS:
            channel.exchange_declare(exchange, "fanout", durable=True)
        arguments = self._arguments(queue)
        channel.queue_declare(self._address.queue(queue.name), durable=True, arguments=arguments)
        if queue.name == DEAD_LETTERS:
            channel.queue_bind(exchange, exchange)

    def _arguments(self, queue: Queue) -> dict[str, Any]:
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-consumer-timeout": queue.ack_timeout * 1000}
        if self._address.expires:
            arguments["x-expires"] = int(self._address.expires * 1000)
        if queue.name == DEAD_LETTERS:
            return arguments | {"x-delivery-limit": _NO_DELIVERY_LIMIT}
        return arguments | {
            "x-delivery-limit": queue.delivery_limit - 1,
            "x-dead-letter-exchange": self._address.queue(DEAD_LETTERS),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    def _keep_or_refuse(self, queue: Queue, error: ChannelClosedByBroker) -> None:
        differs = _DIFFERENT_ARGUMENT in error.reply_text
        if not differs or not any(f"'{argument}'" in error.reply_text for argument in _TOLERATED):
            raise BrokerError(f"Cannot declare {queue.name!r}: {error.reply_text}") from error
        _log.warning("broker.queue-differs", queue=queue.name, reason=error.reply_text)
        with self._lock:
            self._kept_as_they_are.add(queue.name)
