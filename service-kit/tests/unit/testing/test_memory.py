"""What only the fake can do. (The suite of all brokers runs on it as well: tests/integration/broker.)"""

import pytest

from service_kit.broker import BrokerUnavailable, Outgoing, Queue, Source
from service_kit.messages import event
from service_kit.testing.memory import MemoryBroker


def test_a_broker_that_is_away_refuses_everything_and_keeps_what_it_has() -> None:
    broker = MemoryBroker()
    broker.declare([Queue("orders")])
    consumer = broker.consume([Source("orders")])
    outgoing = [Outgoing("orders", event("order", "test", None, id_="a"))]
    broker.publish(outgoing)

    broker.away = True

    assert not broker.healthy()
    assert consumer.take(1, 0.0) == []
    for attempt in (
        lambda: broker.publish(outgoing),
        lambda: broker.declare([Queue("other")]),
        lambda: broker.depth("orders"),
    ):
        with pytest.raises(BrokerUnavailable):
            attempt()

    broker.away = False
    assert [delivery.event.id for delivery in consumer.take(1, 0.0)] == ["a"]
