"""What every implementation of the broker port promises."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service_kit.broker import DEAD_LETTERS, Broker, Consumer, Delivery, Outgoing, Queue, QueueMissing, Source
from service_kit.broker.dead_letters import TOO_MANY_DELIVERIES, DeadLetter, read
from service_kit.messages import CloudEvent, event
from service_kit.testing.waiting import until

PATIENCE = 20.0


def order(number: int, **attributes: Any) -> CloudEvent:
    return event("order", "test", {"number": number}, id_=str(number), **attributes)


def orders(numbers: range, queue: str = "orders") -> list[Outgoing]:
    return [Outgoing(queue, order(number)) for number in numbers]


def numbers(deliveries: list[Delivery]) -> list[int]:
    return [int(delivery.event.id) for delivery in deliveries]


def take(consumer: Consumer, count: int) -> list[Delivery]:
    """Take exactly so many."""
    taken: list[Delivery] = []

    def enough() -> bool:
        taken.extend(consumer.take(count - len(taken), PATIENCE))
        return len(taken) == count

    until(enough, timeout=PATIENCE, message=f"only {len(taken)} came")
    return taken


def take_letter(broker: Broker) -> DeadLetter:
    consumer = broker.consume([Source(DEAD_LETTERS)])
    (delivery,) = take(consumer, 1)
    consumer.ack([delivery])
    consumer.close()
    return read(delivery.event)


@pytest.fixture
def consumer(broker: Broker) -> Iterator[Consumer]:
    """A consumer of the queue `orders`, whose events may be delivered three times."""
    broker.declare([Queue("orders", delivery_limit=3)])
    opened = broker.consume([Source("orders")])
    yield opened
    opened.close()


def test_whoever_waits_is_woken_once(consumer: Consumer) -> None:
    # given
    waiter = ThreadPoolExecutor(1)
    waits = waiter.submit(consumer.take, 1, 3600.0)

    # when
    consumer.wake()

    # then
    assert waits.result(timeout=PATIENCE) == []
    began = time.monotonic()
    assert consumer.take(1, 0.2) == []
    assert time.monotonic() - began >= 0.2
    waiter.shutdown()


def test_what_is_published_is_taken_as_it_was(broker: Broker, consumer: Consumer) -> None:
    sent = order(1, subject="4711", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

    broker.publish([Outgoing("orders", sent)])

    (delivery,) = take(consumer, 1)
    assert delivery.event == sent
    assert (delivery.queue, delivery.deliveries) == ("orders", 1)


def test_what_is_acked_never_comes_again(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(3)))
    consumer.ack(take(consumer, 3))
    consumer.close()

    assert broker.depth("orders") == 0
    assert broker.consume([Source("orders")]).take(1, 0.1) == []


def test_take_returns_empty_when_nothing_comes_in_time(consumer: Consumer) -> None:
    assert consumer.take(10, 0.05) == []


def test_take_returns_as_soon_as_there_is_one(broker: Broker, consumer: Consumer) -> None:
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(consumer.take, 10, PATIENCE)
        broker.publish(orders(range(1)))

        assert numbers(taking.result(PATIENCE)) == [0]


def test_a_batch_of_a_thousand_comes_whole_and_in_order(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(1000)))

    assert numbers(take(consumer, 1000)) == list(range(1000))


def test_a_taker_gets_no_more_than_it_asked_for(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(10)))

    assert numbers(consumer.take(4, PATIENCE)) == [0, 1, 2, 3]
    assert numbers(take(consumer, 6)) == [4, 5, 6, 7, 8, 9]


def test_order_is_kept_per_queue_over_many_publishes(broker: Broker, consumer: Consumer) -> None:
    for number in range(40):
        broker.publish(orders(range(number, number + 1)))

    assert numbers(take(consumer, 40)) == list(range(40))


def test_one_publish_reaches_several_queues_and_one_consumer_takes_from_all(broker: Broker) -> None:
    broker.declare([Queue("left"), Queue("right")])
    consumer = broker.consume([Source("left"), Source("right")])

    broker.publish([*orders(range(5), "left"), *orders(range(5, 9), "right")])

    by_queue = Counter(delivery.queue for delivery in take(consumer, 9))
    assert by_queue == {"left": 5, "right": 4}


def test_declaring_again_keeps_what_waits(broker: Broker) -> None:
    broker.declare([Queue("orders")])
    broker.publish(orders(range(2)))

    broker.declare([Queue("orders"), Queue(DEAD_LETTERS)])

    assert numbers(take(broker.consume([Source("orders")]), 2)) == [0, 1]


def test_publishing_to_a_queue_that_was_never_declared_is_refused(broker: Broker) -> None:
    with pytest.raises(QueueMissing):
        broker.publish(orders(range(1), "nowhere"))
    with pytest.raises(QueueMissing):
        broker.depth("nowhere")


def test_publishing_nothing_is_no_error(broker: Broker) -> None:
    broker.publish([])


def test_what_was_not_acked_comes_again_after_close(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(1)))
    broker.publish(orders(range(1, 2)))
    first, _second = take(consumer, 2)
    consumer.ack([first])

    consumer.close()

    (again,) = take(broker.consume([Source("orders")]), 1)
    assert again.event.id == "1"
    assert again.deliveries == 2


def test_a_closed_consumer_takes_nothing_and_its_acks_are_no_ops(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(1)))
    taken = take(consumer, 1)
    consumer.close()

    consumer.ack(taken)

    assert consumer.take(1, 0.0) == []
    assert numbers(take(broker.consume([Source("orders")]), 1)) == [0]


def test_requeueing_counts_as_a_delivery(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(1)))
    (first,) = take(consumer, 1)

    consumer.requeue([first])

    (again,) = take(consumer, 1)
    assert (first.deliveries, again.deliveries) == (1, 2)


def test_some_of_a_batch_can_be_requeued_while_the_others_are_done(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(5)))
    taken = take(consumer, 5)

    consumer.requeue([taken[1], taken[3]])
    consumer.ack([taken[0], taken[2], taken[4]])

    again = take(consumer, 2)
    assert sorted(numbers(again)) == [1, 3]
    assert {delivery.deliveries for delivery in again} == {2}
    consumer.ack(again)
    assert consumer.take(1, 0.1) == []


def test_settling_twice_settles_once(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(3)))
    first, second, third = take(consumer, 3)

    consumer.ack([first, first, second])
    consumer.ack([first])
    consumer.requeue([second])
    consumer.close()

    other = broker.consume([Source("orders")])
    until(lambda: third.event in [delivery.event for delivery in other.take(10, PATIENCE)])
    assert other.take(1, 0.1) == []


def test_an_event_delivered_as_often_as_its_queue_allows_ends_in_dead_letters(
    broker: Broker, consumer: Consumer
) -> None:
    broker.publish(orders(range(1)))

    for deliveries in (1, 2, 3):
        (delivery,) = take(consumer, 1)
        assert delivery.deliveries == deliveries
        consumer.requeue([delivery])

    letter = take_letter(broker)
    assert letter == DeadLetter(queue="orders", reason=TOO_MANY_DELIVERIES, deliveries=3, event=order(0))
    assert consumer.take(1, 0.1) == []


def test_one_bad_event_requeued_out_of_a_batch_ends_alone_in_dead_letters(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(4)))
    taken = take(consumer, 4)
    bad = [taken.pop(2)]
    consumer.ack(taken)

    for _ in range(2):
        consumer.requeue(bad)
        bad = take(consumer, 1)
    consumer.requeue(bad)

    def letter_came() -> bool:
        consumer.take(1, 0.05)
        return broker.depth(DEAD_LETTERS) == 1

    until(letter_came)
    assert take_letter(broker) == DeadLetter(queue="orders", reason=TOO_MANY_DELIVERIES, deliveries=3, event=order(2))


def test_dead_lettering_keeps_the_event_with_the_reason_and_its_queue(broker: Broker, consumer: Consumer) -> None:
    broker.publish(orders(range(3)))
    first, second, third = take(consumer, 3)

    consumer.dead_letter(second, "no such instance")
    consumer.ack([first, third])

    assert take_letter(broker) == DeadLetter(queue="orders", reason="no such instance", event=order(1))
    assert consumer.take(1, 0.1) == []


def test_two_consumers_share_the_work(broker: Broker) -> None:
    broker.declare([Queue("orders")])
    consumers = [broker.consume([Source("orders", prefetch=1)]) for _ in range(2)]
    taken: list[list[int]] = [[], []]

    def work(index: int) -> bool:
        deliveries = consumers[index].take(1, 0.05)
        consumers[index].ack(deliveries)
        taken[index].extend(numbers(deliveries))
        return len(taken[0]) + len(taken[1]) == 20

    for number in range(20):
        broker.publish(orders(range(number, number + 1)))
    until(lambda: [work(0), work(1)][1])

    assert sorted(taken[0] + taken[1]) == list(range(20))
    assert taken[0]
    assert taken[1]


def test_many_threads_may_publish_at_once(broker: Broker, consumer: Consumer) -> None:
    gate = threading.Barrier(8)

    def publish(thread: int) -> None:
        gate.wait()
        for number in range(thread * 100, thread * 100 + 100, 5):
            broker.publish(orders(range(number, number + 5)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(8)))

    came: list[int] = []
    while len(came) < 800:
        deliveries = take(consumer, 5)
        came.extend(numbers(deliveries))
        consumer.ack(deliveries)
    assert sorted(came) == list(range(800))
    for thread in range(8):
        own = [number for number in came if number // 100 == thread]
        assert own == sorted(own)


def test_depth_counts_what_waits_and_not_what_is_taken(broker: Broker) -> None:
    broker.declare([Queue("orders")])
    for number in range(3):
        broker.publish(orders(range(number, number + 1)))
    until(lambda: broker.depth("orders") == 3)

    taken = take(broker.consume([Source("orders", prefetch=1)]), 1)

    assert len(taken) == 1
    until(lambda: broker.depth("orders") == 2)


def test_a_broker_that_answers_is_healthy(broker: Broker) -> None:
    broker.declare([])

    until(broker.healthy)


@pytest.mark.parametrize("size", [1, 255, 256, 257])
def test_batches_around_the_cap_come_whole(broker: Broker, consumer: Consumer, size: int) -> None:
    broker.publish(orders(range(size)))

    taken = take(consumer, size)
    consumer.ack(taken)

    assert numbers(taken) == list(range(size))
    until(lambda: broker.depth("orders") == 0)


def test_events_larger_than_a_batch_travel(broker: Broker, consumer: Consumer) -> None:
    large = [Outgoing("orders", event("order", "test", "x" * 300_000, id_=str(number))) for number in range(4)]

    broker.publish(large)

    assert numbers(take(consumer, 4)) == [0, 1, 2, 3]


def test_closing_wakes_a_taker(broker: Broker, consumer: Consumer) -> None:
    with ThreadPoolExecutor(1) as pool:
        taking: Callable[[], list[Delivery]] = pool.submit(consumer.take, 1, PATIENCE).result
        consumer.close()

        assert taking() == []
