"""The consumer port on RabbitMQ: one connection, one channel, one thread."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import cast

import structlog
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from service_kit.broker import DEAD_LETTERS, BrokerUnavailable, Delivery, Source
from service_kit.broker.batches import Unreadable, bodies, parts
from service_kit.broker.dead_letters import TOO_MANY_DELIVERIES
from service_kit.broker.rabbitmq import letters
from service_kit.broker.rabbitmq.address import Address
from service_kit.broker.rabbitmq.envelope import DELIVERIES_HEADER, Envelope, Tag
from service_kit.broker.rabbitmq.letters import Record
from service_kit.broker.rabbitmq.link import Link
from service_kit.broker.rabbitmq.publisher import Message, Publisher
from service_kit.broker.rabbitmq.settlement import Settlement
from service_kit.broker.rabbitmq.topology import Topology

_log = structlog.get_logger(__name__)


class RabbitConsumer:
    """Implements the `Consumer` port."""

    def __init__(
        self, address: Address, topology: Topology, publisher: Publisher, sources: Sequence[Source], name: str
    ) -> None:
        self._address = address
        self._topology = topology
        self._publisher = publisher
        self._sources = sources
        # Guards all of the following, which change together when the connection does.
        self._arrived = threading.Condition()
        self._settlement: Settlement | None = None
        self._inbox: deque[Envelope] = deque()
        self._ready: deque[Delivery] = deque()
        self._woken = False
        self.closed = False
        self._link = Link(address, f"{name} consumer", up=self._up, down=self._down)
        self._link.start()

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """See `Consumer.take`."""
        deadline = time.monotonic() + timeout
        while self._wait_until(deadline):
            taken = self._take_now(limit)
            if taken:
                return taken
        return []

    def wake(self) -> None:
        """See `Consumer.wake`."""
        with self._arrived:
            self._woken = True
            self._arrived.notify_all()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.ack`."""
        self._settle(deliveries, again=False)

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.requeue`. Where other records of the same broker message are done, only these come back."""
        self._settle(deliveries, again=True)

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """See `Consumer.dead_letter`."""
        self._bury(delivery.event, delivery.queue, reason, delivery.deliveries)
        self.ack([delivery])

    def close(self) -> None:
        """See `Consumer.close`. What was acked before is still told to the broker."""
        with self._arrived:
            self.closed = True
            self._arrived.notify_all()
        self._link.close()

    # Taking

    def _wait_until(self, deadline: float) -> bool:
        with self._arrived:
            while not (self.closed or self._inbox or self._ready):
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._woken:
                    self._woken = False
                    return False
                self._arrived.wait(remaining)
            return not self.closed

    def _take_now(self, limit: int) -> list[Delivery]:
        taken: list[Delivery] = []
        while len(taken) < limit:
            with self._arrived:
                while self._ready and len(taken) < limit:
                    taken.append(self._ready.popleft())
                if len(taken) == limit or not self._inbox:
                    break
                envelope = self._inbox.popleft()
            deliveries = self._open(envelope)
            with self._arrived:
                if envelope.settlement is self._settlement:
                    self._ready.extend(deliveries)
        return taken

    def _open(self, envelope: Envelope) -> list[Delivery]:
        """The deliveries of a broker message, without what belongs to `dead-letters`."""
        records = self._records(envelope)
        envelope.opened(records)
        deliveries = envelope.deliveries
        limit = self._topology.delivery_limit(envelope.queue)
        spent = limit is not None and deliveries > limit
        good = []
        for number, record in enumerate(records):
            if spent or isinstance(record, Unreadable):
                # What is spent was not delivered this time.
                if not self._bury_record(envelope, number, record, deliveries - spent):
                    return []
            else:
                good.append(Delivery(record, envelope.queue, deliveries, Tag(envelope, number)))
        if not records:
            self._answer([envelope], [])
        return good

    def _records(self, envelope: Envelope) -> Sequence[Record]:
        records = parts(envelope.content)
        if envelope.queue == DEAD_LETTERS:
            return [letters.as_letter(record, envelope, self._address, self._topology) for record in records]
        return records

    # Settling

    def _settle(self, deliveries: Sequence[Delivery], *, again: bool) -> None:
        finished = []
        with self._arrived:
            for delivery in deliveries:
                tag = cast(Tag, delivery.tag)
                stale = tag.envelope.settlement is not self._settlement
                if not stale and tag.envelope.settle(tag.number, delivery.event if again else None):
                    finished.append(tag.envelope)
        self._finish(finished)

    def _finish(self, envelopes: Sequence[Envelope]) -> None:
        acks: list[Envelope] = []
        rejects: list[Envelope] = []
        for envelope in envelopes:
            whole = len(envelope.again) == envelope.size
            comes_back = bool(envelope.again) and (whole or not self._send_again(envelope))
            (rejects if comes_back else acks).append(envelope)
        self._answer(acks, rejects)

    def _answer(self, acks: Sequence[Envelope], rejects: Sequence[Envelope]) -> None:
        envelopes = [*acks, *rejects]
        if envelopes:
            acked = [envelope.number for envelope in acks]
            rejected = [envelope.number for envelope in rejects]
            # All are of the channel that is current; if it is lost meanwhile, its settlement says nothing.
            self._link.call(partial(envelopes[0].settlement.answer, acked, rejected))

    def _send_again(self, envelope: Envelope) -> bool:
        headers = {DELIVERIES_HEADER: envelope.deliveries}
        queue = self._address.queue(envelope.queue)
        try:
            self._publisher.send(
                [Message(queue, body.content, body.content_type, headers) for body in bodies(envelope.again)]
            )
        except BrokerUnavailable as error:
            _log.warning("broker.requeued-whole", queue=envelope.queue, reason=str(error))
            return False
        return True

    # Dead letters

    def _bury_record(self, envelope: Envelope, number: int, record: Record, deliveries: int) -> bool:
        reason = record.reason if isinstance(record, Unreadable) else TOO_MANY_DELIVERIES
        _log.error("broker.dead-letter", queue=envelope.queue, reason=reason)
        try:
            self._bury(record, envelope.queue, reason, deliveries)
        except BrokerUnavailable as error:
            _log.warning("broker.requeued-whole", queue=envelope.queue, reason=str(error))
            self._answer([], [envelope])
            return False
        with self._arrived:
            finished = envelope.settle(number, None)
        self._finish([envelope] if finished else [])
        return True

    def _bury(self, record: Record, queue: str, reason: str, deliveries: int) -> None:
        wrapper = letters.letter(record, queue=queue, reason=reason, deliveries=deliveries)
        self._publisher.send([letters.message(self._address, wrapper, queue=queue, reason=reason)])

    # In the link's thread

    def _up(self, channel: Channel) -> None:
        self._topology.redeclare(channel)
        settlement = Settlement(channel)
        with self._arrived:
            self._settlement = settlement
        # RabbitMQ 4.3 cancels a consumer that holds something for too long; any version does when the queue is deleted.
        channel.add_on_cancel_callback(lambda frame: self._link.reset())
        for source in self._sources:
            timeout = self._topology.ack_timeout(source.queue) * 1000  # here, RabbitMQ reads it since 4.3
            arguments = {"x-priority": source.priority, "x-consumer-timeout": timeout}
            channel.basic_qos(prefetch_count=source.prefetch)
            channel.basic_consume(
                self._address.queue(source.queue),
                partial(self._message, settlement, source.queue),
                arguments=arguments,
            )

    def _message(
        self,
        settlement: Settlement,
        queue: str,
        channel: Channel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        settlement.arrived(method.delivery_tag)
        with self._arrived:
            self._inbox.append(Envelope(settlement, method.delivery_tag, queue, properties, body))
            self._arrived.notify()

    def _down(self, error: BaseException) -> None:
        self._topology.refused(error)
        with self._arrived:
            self._settlement = None
            self._inbox.clear()
            self._ready.clear()
