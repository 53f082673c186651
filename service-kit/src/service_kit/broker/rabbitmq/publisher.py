"""Publishes on one connection, with pipelined confirms."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import pika
from pika.channel import Channel
from pika.exceptions import AMQPError
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from service_kit.broker import BrokerUnavailable, QueueMissing
from service_kit.broker.rabbitmq.address import Address
from service_kit.broker.rabbitmq.link import Link
from service_kit.broker.rabbitmq.tls import told
from service_kit.broker.rabbitmq.topology import Topology
from service_kit.ids import new_id


class Message(msgspec.Struct, frozen=True):
    """One AMQP message for the queue of that name on the server."""

    queue: str
    content: bytes
    content_type: str
    headers: dict[str, Any] = {}


class _Sending:
    """One call of `send`: done when every message is confirmed, or when one cannot be any more."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.unconfirmed = len(messages)
        self.error: BrokerUnavailable | None = None
        self.done = threading.Event()
        self.abandoned = False

    def confirmed(self) -> None:
        self.unconfirmed -= 1
        if self.unconfirmed == 0:
            self.done.set()

    def failed(self, error: BrokerUnavailable) -> None:
        self.error = self.error or error
        self.done.set()


class Publisher:
    """Sends from any thread. Many threads share the connection; none waits for another one's confirms."""

    def __init__(self, address: Address, topology: Topology, name: str) -> None:
        self._topology = topology
        self._timeout = address.confirm
        self._link = Link(address, f"{name} publisher", up=self._up, down=self._down)
        self._lock = threading.Lock()
        self._waiting: deque[_Sending] = deque()
        self._closed = False
        # These belong to the link's thread.
        self._channel: Channel | None = None
        self._run = ""
        self._tag = 0
        self._unconfirmed: dict[int, _Sending] = {}

    def send(self, messages: Sequence[Message]) -> None:
        """Send all; return when the server has confirmed each. Raises `BrokerUnavailable`, `QueueMissing`."""
        if not messages:
            return
        sending = _Sending(messages)
        with self._lock:
            if self._closed:
                raise BrokerUnavailable("The broker is closed")
            self._waiting.append(sending)
            first = len(self._waiting) == 1
        self._link.start()
        if first:
            self._link.call(self._drain)
        if not sending.done.wait(self._timeout):
            sending.abandoned = True
            raise BrokerUnavailable(f"The broker did not confirm within {self._timeout:g} s")
        if sending.error:
            raise sending.error

    def answers(self, timeout: float) -> bool:
        """Whether the server answers on this connection."""
        self._link.start()
        return self._link.answers(timeout)

    def close(self) -> None:
        """Give up what is not confirmed yet, and disconnect."""
        with self._lock:
            self._closed = True
        self._link.close()
        self._down(ConnectionError("the broker was closed"))

    def _up(self, channel: Channel) -> None:
        self._topology.redeclare(channel)
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._answered, callback=lambda _: self._ready(channel))

    def _ready(self, channel: Channel) -> None:
        self._channel, self._run, self._tag = channel, new_id(), 0
        self._drain()

    def _down(self, error: BaseException) -> None:
        self._topology.refused(error)
        self._channel = None
        with self._lock:
            lost = [*self._unconfirmed.values(), *self._waiting]
            self._waiting.clear()
        self._unconfirmed.clear()
        for sending in lost:
            unavailable = BrokerUnavailable(f"The broker cannot be reached: {told(error)}")
            unavailable.__cause__ = error
            sending.failed(unavailable)

    def _drain(self) -> None:
        while self._channel is not None and self._channel.is_open:
            with self._lock:
                if not self._waiting:
                    return
                sending = self._waiting.popleft()
            if not sending.abandoned:
                self._publish(self._channel, sending)

    def _publish(self, channel: Channel, sending: _Sending) -> None:
        for message in sending.messages:
            self._tag += 1
            self._unconfirmed[self._tag] = sending
            properties = BasicProperties(  # type: ignore[no-untyped-call]
                content_type=message.content_type,
                delivery_mode=pika.DeliveryMode.Persistent.value,
                message_id=f"{self._run}-{self._tag}",
                headers=message.headers or None,
            )
            try:
                channel.basic_publish("", message.queue, message.content, properties, mandatory=True)
            except AMQPError as error:
                sending.failed(BrokerUnavailable(f"The broker cannot be reached: {told(error)}"))
                return

    def _answered(self, frame: "Method[Basic.Ack | Basic.Nack]") -> None:
        answer = frame.method
        refused = isinstance(answer, Basic.Nack)
        for sending in self._answered_by(answer.delivery_tag, answer.multiple):
            if refused:
                sending.failed(BrokerUnavailable("The broker refused to store a message"))
            sending.confirmed()
        if refused:
            # A channel that meets a queue while its leader is away goes on refusing when there is a new one.
            self._link.reset()

    def _answered_by(self, tag: int, multiple: bool) -> list[_Sending]:
        if not multiple:
            return [self._unconfirmed.pop(tag)] if tag in self._unconfirmed else []
        # Tags are kept in rising order.
        answered = []
        for known in list(self._unconfirmed):
            if known > tag:
                break
            answered.append(self._unconfirmed.pop(known))
        return answered

    def _returned(self, channel: Channel, method: Basic.Return, properties: BasicProperties, body: bytes) -> None:
        run, _, tag = (properties.message_id or "").rpartition("-")
        sending = self._unconfirmed.get(int(tag)) if run == self._run else None
        if sending:
            sending.failed(QueueMissing(f"No queue {method.routing_key!r} has been declared"))
