"""What is RabbitMQ's own: connections that break, priorities, messages that hold many events."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
import pika
import pytest

from service_kit.broker import (
    DEAD_LETTERS,
    Broker,
    BrokerError,
    BrokerUnavailable,
    Consumer,
    Delivery,
    Outgoing,
    Queue,
    Source,
    connect,
)
from service_kit.broker.dead_letters import read
from service_kit.messages import event
from service_kit.testing.tcp_proxy import TcpProxy
from service_kit.testing.waiting import until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Rabbit(Protocol):
    """See `conftest.Rabbit`."""

    proxy: TcpProxy
    prefix: str
    url: str
    direct_url: str

    def open(self) -> Broker: ...

    def inject(self, queue: str, body: bytes) -> None: ...


def orders(*ids: str, traceparent: str | None = None) -> list[Outgoing]:
    return [Outgoing("orders", event("order", "test", None, id_=id_, traceparent=traceparent)) for id_ in ids]


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.event.id for delivery in deliveries]


def take(consumer: Consumer, count: int) -> list[Delivery]:
    taken: list[Delivery] = []

    def enough() -> bool:
        taken.extend(consumer.take(count - len(taken), 1.0))
        return len(taken) == count

    until(enough)
    return taken


def look(rabbit: Rabbit, question: Callable[[Any], Any]) -> Any:
    """Ask the server past the port."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbit.direct_url))
    try:
        return question(connection.channel())
    finally:
        connection.close()


@pytest.fixture
def broker(rabbit: Rabbit) -> Iterator[Broker]:
    opened = rabbit.open()
    opened.declare([Queue("orders", delivery_limit=5)])
    yield opened
    opened.close()


def test_unacked_events_come_again_after_the_connection_was_lost(rabbit: Rabbit, broker: Broker) -> None:
    consumer = broker.consume([Source("orders")])
    broker.publish(orders("a"))
    before = take(consumer, 1)

    assert rabbit.proxy.cut() >= 2

    (again,) = take(consumer, 1)
    assert (again.event.id, again.deliveries) == ("a", 2)
    consumer.ack(before)
    consumer.ack([again])
    consumer.close()
    until(lambda: broker.depth("orders") == 0)


def test_an_ack_of_a_delivery_from_before_a_reconnect_settles_nothing(rabbit: Rabbit, broker: Broker) -> None:
    consumer = broker.consume([Source("orders")])
    broker.publish(orders("a"))
    before = take(consumer, 1)
    rabbit.proxy.cut()
    take(consumer, 1)

    consumer.ack(before)
    consumer.close()

    assert ids(take(broker.consume([Source("orders")]), 1)) == ["a"]


def test_publishing_while_the_broker_is_away_fails_and_works_again_later(rabbit: Rabbit, broker: Broker) -> None:
    broker.publish(orders("before"))
    rabbit.proxy.refuse()
    with pytest.raises(BrokerUnavailable):
        broker.publish(orders("away"))
    assert not broker.healthy()
    with pytest.raises(BrokerUnavailable):
        broker.declare([Queue("orders")])
    with pytest.raises(BrokerUnavailable):
        broker.depth("orders")

    rabbit.proxy.admit()

    until(broker.healthy)
    broker.publish(orders("after"))
    came = ids(take(broker.consume([Source("orders")]), 2))
    assert came[0] == "before"
    assert came[-1] == "after"


def test_a_refused_message_is_tried_again_in_a_channel_that_knows_nothing_of_the_refusal(
    rabbit: Rabbit, broker: Broker
) -> None:
    # given a queue that refuses everything; a channel that saw a quorum queue without its leader does so for ever
    full = {"x-max-length": 0, "x-overflow": "reject-publish", "x-expires": 60_000}
    look(rabbit, lambda channel: channel.queue_declare(f"{rabbit.prefix}full", arguments=full))
    broker.publish(orders("before"))

    # when
    with pytest.raises(BrokerUnavailable, match="refused to store"):
        broker.publish([Outgoing("full", orders("a")[0].event)])
    until(lambda: published(broker, "after"))

    # then
    first, last = (message_id(rabbit, "orders").rpartition("-")[0] for _ in range(2))
    assert first != last


def published(broker: Broker, id_: str) -> bool:
    try:
        broker.publish(orders(id_))
    except BrokerUnavailable:
        return False
    return True


def message_id(rabbit: Rabbit, queue: str) -> str:
    _, properties, _ = look(rabbit, lambda channel: channel.basic_get(rabbit.prefix + queue, auto_ack=True))
    return str(properties.message_id)


def test_a_consumer_made_while_the_broker_is_away_takes_when_it_is_back(rabbit: Rabbit, broker: Broker) -> None:
    rabbit.proxy.refuse()
    consumer = broker.consume([Source("orders")])
    assert consumer.take(1, 0.1) == []

    rabbit.proxy.admit()
    rabbit.inject("orders", msgspec.json.encode(orders("a")[0].event))

    assert ids(take(consumer, 1)) == ["a"]


def test_no_confirmed_event_is_lost_while_connections_break(rabbit: Rabbit, broker: Broker) -> None:
    confirmed: list[str] = []
    taken: set[str] = set()
    stop = threading.Event()
    consumer = broker.consume([Source("orders")])

    def publish(thread: int) -> None:
        for number in range(60):
            name = f"{thread}-{number}"
            until(lambda name=name: attempt(name))  # type: ignore[misc]
            confirmed.append(name)

    def attempt(name: str) -> bool:
        try:
            broker.publish(orders(name))
        except BrokerUnavailable:
            return False
        return True

    def consume() -> None:
        while not stop.is_set():
            deliveries = consumer.take(10, 0.1)
            taken.update(ids(deliveries))
            consumer.ack(deliveries)

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(publish, thread) for thread in range(3)]
        consuming = pool.submit(consume)
        for share in (20, 60, 100, 140):
            until(lambda share=share: len(confirmed) >= share)  # type: ignore[misc]
            rabbit.proxy.cut()
        for each in working:
            each.result()
        until(lambda: taken >= set(confirmed))
        stop.set()
        consuming.result()

    assert len(confirmed) == 180


def test_the_consumer_of_higher_priority_is_served_first(broker: Broker) -> None:
    # given two consumers that the server knows: each has got something
    low = broker.consume([Source("orders", priority=0, prefetch=5)])
    high = broker.consume([Source("orders", priority=5, prefetch=5)])
    for _ in (low, high):
        broker.publish(orders("first", "second"))
        until(lambda: settle(low) + settle(high) == 2)

    # when
    for number in range(3):
        broker.publish(orders(str(number)))

    # then the one of higher priority gets all that it has room for (what it acked may be on its way to the server), and
    # the other one the rest
    assert ids(take(high, 3)) == ["0", "1", "2"]
    for number in range(3, 6):
        broker.publish(orders(str(number)))
    got: dict[str, list[str]] = {"high": [], "low": []}

    def all_came() -> bool:
        got["high"] += ids(high.take(10, 0.1))
        got["low"] += ids(low.take(10, 0.1))
        return sorted(got["high"] + got["low"]) == ["3", "4", "5"]

    until(all_came)
    assert len(got["low"]) >= 1


def settle(consumer: Consumer) -> int:
    deliveries = consumer.take(10, 0.2)
    consumer.ack(deliveries)
    return len(deliveries)


def test_events_of_one_publish_travel_in_one_message(rabbit: Rabbit, broker: Broker) -> None:
    broker.publish(orders("a", "b", "c", traceparent=TRACE))

    method, properties, body = look(rabbit, lambda channel: channel.basic_get(f"{rabbit.prefix}orders"))

    assert properties.content_type == "application/cloudevents-batch+json"
    assert properties.delivery_mode == 2
    assert [each["id"] for each in msgspec.json.decode(body)] == ["a", "b", "c"]
    assert {each["traceparent"] for each in msgspec.json.decode(body)} == {TRACE}
    assert method.message_count == 0


def test_a_single_event_names_its_trace_in_the_headers_too(rabbit: Rabbit, broker: Broker) -> None:
    broker.publish(orders("a", traceparent=TRACE))

    _, properties, body = look(rabbit, lambda channel: channel.basic_get(f"{rabbit.prefix}orders"))

    assert properties.content_type == "application/cloudevents+json"
    assert properties.headers["traceparent"] == TRACE
    assert msgspec.json.decode(body)["traceparent"] == TRACE


def test_a_bad_record_inside_a_batch_costs_none_of_the_others(rabbit: Rabbit, broker: Broker) -> None:
    good = [msgspec.json.encode(item.event) for item in orders("a", "b")]
    rabbit.inject("orders", b"[" + good[0] + b',{"id":"no source"},' + good[1] + b"]")
    consumer = broker.consume([Source("orders")])

    taken = take(consumer, 2)
    consumer.ack(taken)

    assert ids(taken) == ["a", "b"]
    (letter,) = take(broker.consume([Source(DEAD_LETTERS)]), 1)
    assert read(letter.event).body == b'{"id":"no source"}'
    consumer.close()
    until(lambda: broker.depth("orders") == 0)


def test_an_empty_batch_is_done_at_once(rabbit: Rabbit, broker: Broker) -> None:
    rabbit.inject("orders", b"[]")
    consumer = broker.consume([Source("orders")])

    assert consumer.take(1, 0.3) == []

    consumer.close()
    until(lambda: broker.depth("orders") == 0)


def test_dead_letters_say_why_in_their_headers(rabbit: Rabbit, broker: Broker) -> None:
    broker.publish(orders("a"))
    consumer = broker.consume([Source("orders")])
    consumer.dead_letter(take(consumer, 1)[0], "no such instance")

    _, properties, _ = look(rabbit, lambda channel: channel.basic_get(f"{rabbit.prefix}{DEAD_LETTERS}"))

    assert properties.headers["x-throughline-reason"] == "no such instance"
    assert properties.headers["x-throughline-queue"] == "orders"


def test_dead_lettering_while_the_broker_is_away_raises_and_settles_nothing(rabbit: Rabbit, broker: Broker) -> None:
    broker.publish(orders("a"))
    consumer = broker.consume([Source("orders")])
    (delivery,) = take(consumer, 1)
    rabbit.proxy.refuse()

    with pytest.raises(BrokerUnavailable):
        consumer.dead_letter(delivery, "no such instance")

    rabbit.proxy.admit()
    assert ids(take(consumer, 1)) == ["a"]


def test_queues_that_the_server_has_lost_are_declared_again_on_reconnect(rabbit: Rabbit, broker: Broker) -> None:
    consumer = broker.consume([Source("orders")])
    broker.publish(orders("a"))
    consumer.ack(take(consumer, 1))

    look(rabbit, lambda channel: channel.queue_delete(f"{rabbit.prefix}orders"))
    until(lambda: stored(broker, "b"))

    assert ids(take(consumer, 1)) == ["b"]


def stored(broker: Broker, id_: str) -> bool:
    try:
        broker.publish(orders(id_))
    except BrokerUnavailable:
        return False
    return True


def test_other_limits_than_an_existing_queue_has_are_tolerated(rabbit: Rabbit, broker: Broker) -> None:
    other = rabbit.open()

    other.declare([Queue("orders", delivery_limit=9)])

    other.publish(orders("a"))
    assert ids(take(other.consume([Source("orders")]), 1)) == ["a"]
    other.close()


def test_a_queue_that_was_made_anew_with_other_limits_meanwhile_is_used_as_it_is(
    rabbit: Rabbit, broker: Broker
) -> None:
    consumer = broker.consume([Source("orders")])
    broker.publish(orders("a"))
    consumer.ack(take(consumer, 1))
    name, arguments = f"{rabbit.prefix}orders", {"x-queue-type": "quorum", "x-expires": 60_000, "x-delivery-limit": 2}

    rabbit.proxy.refuse()
    look(rabbit, lambda channel: channel.queue_delete(name))
    look(rabbit, lambda channel: channel.queue_declare(name, durable=True, arguments=arguments))
    rabbit.proxy.admit()

    until(lambda: stored(broker, "b"))
    assert "b" in ids(take(consumer, 1))


def test_a_queue_of_another_kind_is_refused(rabbit: Rabbit, broker: Broker) -> None:
    arguments = {"x-expires": 60_000}
    look(rabbit, lambda channel: channel.queue_declare(f"{rabbit.prefix}old", durable=True, arguments=arguments))

    with pytest.raises(BrokerError, match="old"):
        broker.declare([Queue("old")])


def test_a_broker_that_does_not_exist_is_unavailable() -> None:
    broker = connect("amqp://guest:guest@127.0.0.1:1/", name="test")

    with pytest.raises(BrokerUnavailable):
        broker.publish(orders("a"))

    assert not broker.healthy()
    broker.close()
