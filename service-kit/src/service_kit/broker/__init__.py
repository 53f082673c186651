"""The broker port: durable queues of CloudEvents, at least once.

Two adapters: `service_kit.broker.rabbitmq` (quorum queues) and `service_kit.broker.sql` (a table in SQLite). One
test suite runs on both. `connect(url)` picks the adapter by the URL's scheme: `amqp://...` or `sqlite:///path`.

    KitError
    └── BrokerError
        └── BrokerUnavailable
            └── QueueMissing

The promise of both: `publish` returns only when every event is safely stored; a delivery that was neither acked nor
rejected is delivered again, to this consumer or another, also after a crash; an event that is delivered more than
`Queue.delivery_limit` times is moved to `dead-letters` with a reason, at least once.
"""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from service_kit.errors import KitError
from service_kit.messages import CloudEvent

DEAD_LETTERS = "dead-letters"


class BrokerError(KitError):
    """Something is wrong with the broker."""


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached or did not confirm; whether it stored the events is unknown. Safe to repeat."""


class QueueMissing(BrokerUnavailable):
    """No queue of that name has been declared. Nothing was stored there; repeat once it exists."""


class Queue(msgspec.Struct, frozen=True):
    """One durable queue. `delivery_limit`: deliveries before an event is dead-lettered (at least 1).
    `ack_timeout`: seconds that a consumer may hold what it took (RabbitMQ 3.12 and later; the SQL queue waits)."""

    name: str
    delivery_limit: int = 20
    ack_timeout: int = 1800


class Outgoing(msgspec.Struct, frozen=True):
    """An event and the queue it goes to."""

    queue: str
    event: CloudEvent


class Source(msgspec.Struct, frozen=True):
    """A queue to consume. Higher `priority` consumers are served first while they have capacity.
    `prefetch` counts broker messages (each may carry many events)."""

    queue: str
    priority: int = 0
    prefetch: int = 64


class Delivery(msgspec.Struct, frozen=True, eq=False):
    """One event taken from a queue. `deliveries` counts this one (1 = first time, as far as the broker knows)."""

    event: CloudEvent
    queue: str
    deliveries: int
    tag: object


class Consumer(Protocol):
    """Takes events from one or more queues. May be used from one thread at a time, any thread.

    It reconnects by itself; deliveries taken before a reconnect may be acked (a no-op) and will come again.
    """

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """Up to `limit` deliveries; returns as soon as there is one, or empty after `timeout` seconds."""

    def wake(self) -> None:
        """Whoever waits in `take`, or will be the next, waits no longer. From any thread."""

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """They are done: never deliver them again."""

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Not now: deliver them again (counts as a delivery)."""

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Store it in `dead-letters` (confirmed), with `reason`, then ack it. Raises `BrokerUnavailable`.

        What a consumer of `dead-letters` takes is always a wrapper: `service_kit.broker.dead_letters.read`."""

    def close(self) -> None:
        """Stop taking. What was taken and not acked will be delivered again."""


class Broker(Protocol):
    """A connection to a broker. Thread-safe."""

    def declare(self, queues: Sequence[Queue]) -> None:
        """Create what is missing, with its dead-lettering. Idempotent. Raises `BrokerUnavailable`."""

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Store all, in order per queue, batched per queue; return when confirmed. Raises `BrokerUnavailable`,
        or its child `QueueMissing` where a queue was never declared; some of `outgoing` may then be stored."""

    def consume(self, sources: Sequence[Source]) -> Consumer:
        """A consumer with a connection of its own."""

    def depth(self, queue: str) -> int:
        """How many events or broker messages wait (not counting what is taken). Raises `BrokerUnavailable`."""

    def healthy(self) -> bool:
        """Whether the broker answers now."""

    def close(self) -> None:
        """Release everything."""


def connect(url: str, *, name: str) -> Broker:
    """A broker for `url`; `name` is how this process calls itself there. Does not wait for the broker.

    `amqp[s]://user:password@host:port[,host:port...]/vhost[?prefix=P&expires=S&confirm=S]` (and what pika's
    URLParameters reads; several hosts are nodes of one cluster):
    `prefix` is put before every queue's name, `expires` lets unused queues vanish after so many seconds (for
    tests), `confirm` is how many seconds `publish` waits for its confirms. With `amqps` the broker's certificate is
    verified by the machine's authorities or those in `cafile=PEM`; `certfile=PEM&keyfile=PEM` are shown to it.
    `sqlite:///relative` or `sqlite:////absolute`. Raises `BrokerError` for a URL that cannot be read.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("amqp", "amqps"):
        from service_kit.broker.rabbitmq import RabbitBroker

        return RabbitBroker(url, name=name)
    if scheme == "sqlite":
        from service_kit.broker.sql import SqlBroker

        return SqlBroker(url, name=name)
    raise BrokerError(f"No broker speaks {scheme!r}: expected amqp, amqps or sqlite")
