"""What the implementations promise that outlive a process."""

from collections.abc import Iterator
from typing import Protocol

import pytest

from service_kit.broker import DEAD_LETTERS, Broker, BrokerUnavailable, Consumer, Delivery, Outgoing, Queue, Source
from service_kit.broker.dead_letters import read
from service_kit.messages import event
from service_kit.testing.waiting import until


class Backend(Protocol):
    """See `conftest.Backend`."""

    def open(self) -> Broker: ...

    def inject(self, queue: str, body: bytes) -> None: ...


def orders(*ids: str) -> list[Outgoing]:
    return [Outgoing("orders", event("order", "test", None, id_=id_)) for id_ in ids]


def take(consumer: Consumer, count: int) -> list[Delivery]:
    taken: list[Delivery] = []

    def enough() -> bool:
        taken.extend(consumer.take(count - len(taken), 1.0))
        return len(taken) == count

    until(enough)
    return taken


@pytest.fixture
def broker(durable: Backend) -> Iterator[Broker]:
    opened = durable.open()
    opened.declare([Queue("orders", delivery_limit=3)])
    yield opened
    opened.close()


def test_what_one_broker_published_another_takes(durable: Backend, broker: Broker) -> None:
    broker.publish(orders("a", "b"))
    broker.close()

    other = durable.open()

    assert [delivery.event.id for delivery in take(other.consume([Source("orders")]), 2)] == ["a", "b"]
    other.close()


def test_two_brokers_may_work_on_the_same_queues(durable: Backend, broker: Broker) -> None:
    other = durable.open()
    consumer = other.consume([Source("orders")])

    broker.publish(orders("a"))

    assert take(consumer, 1)[0].event.id == "a"
    other.close()


def test_a_poison_message_between_good_ones_costs_none_of_them(durable: Backend, broker: Broker) -> None:
    broker.publish(orders("before"))
    durable.inject("orders", b"\xffno event")
    broker.publish(orders("after"))
    consumer = broker.consume([Source("orders"), Source(DEAD_LETTERS)])

    taken = {delivery.event.id: delivery for delivery in take(consumer, 3)}

    del taken["before"], taken["after"]
    (wrapper,) = taken.values()
    letter = read(wrapper.event)
    assert (letter.queue, letter.body, letter.event) == ("orders", b"\xffno event", None)
    assert letter.reason


def test_a_closed_broker_refuses_to_publish(broker: Broker) -> None:
    broker.close()

    with pytest.raises(BrokerUnavailable):
        broker.publish(orders("a"))
