"""Dead letters as AMQP messages, written by consumers and by RabbitMQ itself."""

from typing import Any

import msgspec

from service_kit.broker import DEAD_LETTERS
from service_kit.broker.batches import SINGLE, Unreadable
from service_kit.broker.dead_letters import DEAD_LETTER, TOO_MANY_DELIVERIES, wrap, wrap_body
from service_kit.broker.rabbitmq.address import Address
from service_kit.broker.rabbitmq.envelope import Envelope
from service_kit.broker.rabbitmq.publisher import Message
from service_kit.broker.rabbitmq.topology import Topology
from service_kit.messages import CloudEvent

REASON_HEADER = "x-throughline-reason"
QUEUE_HEADER = "x-throughline-queue"
_LONGEST_HEADER = 500
_BY_DELIVERY_LIMIT = "delivery_limit"

Record = CloudEvent | Unreadable


def letter(record: Record, *, queue: str, reason: str, deliveries: int) -> CloudEvent:
    """The wrapper around what goes to `dead-letters`."""
    if isinstance(record, Unreadable):
        return wrap_body(record.content, queue=queue, reason=reason, deliveries=deliveries)
    return wrap(record, queue=queue, reason=reason, deliveries=deliveries)


def message(address: Address, wrapper: CloudEvent, *, queue: str, reason: str) -> Message:
    """The wrapper as an AMQP message; its headers say the same to people who look with the broker's own tools."""
    headers: dict[str, Any] = {REASON_HEADER: reason[:_LONGEST_HEADER], QUEUE_HEADER: queue}
    if wrapper.traceparent:
        headers["traceparent"] = wrapper.traceparent
    return Message(address.queue(DEAD_LETTERS), msgspec.json.encode(wrapper), SINGLE, headers)


def as_letter(record: Record, envelope: Envelope, address: Address, topology: Topology) -> CloudEvent:
    """A record found in `dead-letters`: the wrapper that it is, or one for what RabbitMQ moved there as it was."""
    if not isinstance(record, Unreadable) and record.type == DEAD_LETTER:
        return record
    queue = str(envelope.headers.get("x-first-death-queue", "")).removeprefix(address.prefix)
    cause = str(envelope.headers.get("x-first-death-reason", ""))
    reason = TOO_MANY_DELIVERIES if cause == _BY_DELIVERY_LIMIT else cause
    if isinstance(record, Unreadable):
        reason = f"{reason}: {record.reason}" if reason else record.reason
    # RabbitMQ does not say how often it had delivered what it moved here.
    deliveries = topology.delivery_limit(queue) if cause == _BY_DELIVERY_LIMIT else None
    return letter(record, queue=queue, reason=reason, deliveries=deliveries or envelope.deliveries)
