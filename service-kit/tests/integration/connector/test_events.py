"""Polling for business events, with a watermark in the store."""

from typing import Any

from sqlalchemy import Engine

from service_kit.broker import Queue, Source
from service_kit.connector.events import EVENTS, BusinessEvent, Page, Poller
from service_kit.testing.memory import MemoryBroker


class Orders:
    """Has one event for every number up to `newest`, two on a page."""

    def __init__(self) -> None:
        self.newest = 3

    def events(self, watermark: str | None) -> Page:
        start = int(watermark or 0)
        numbers = range(start + 1, self.newest + 1)[:2]
        events = [
            BusinessEvent(id=str(n), type="crm.order.confirmed", subject=f"SO-{n}", data={"n": n}) for n in numbers
        ]
        return Page(events, str(numbers[-1]) if numbers else watermark, more=len(numbers) == 2)


def taken(broker: MemoryBroker) -> list[Any]:
    consumer = broker.consume([Source(EVENTS)])
    deliveries = consumer.take(100, 0)
    consumer.ack(deliveries)
    return [(d.event.id, d.event.type, d.event.subject) for d in deliveries]


def test_every_event_is_published_once_page_by_page(engine: Engine) -> None:
    # given
    broker = MemoryBroker()
    broker.declare([Queue(EVENTS)])
    orders = Orders()
    poller = Poller("crm/main", orders, engine, broker)

    # when
    more = [poller.poll(), poller.poll(), poller.poll()]

    # then
    assert more == [True, False, False]
    assert taken(broker) == [(f"crm/main/{n}", "crm.order.confirmed", f"SO-{n}") for n in (1, 2, 3)]


def test_another_process_goes_on_where_the_first_stopped(engine: Engine) -> None:
    # given
    broker = MemoryBroker()
    broker.declare([Queue(EVENTS)])
    orders = Orders()
    Poller("crm/main", orders, engine, broker).poll()
    taken(broker)

    # when
    Poller("crm/main", orders, engine, broker).poll()

    # then
    assert [id_ for id_, _, _ in taken(broker)] == ["crm/main/3"]


def test_events_that_could_not_be_published_come_again_with_the_same_ids(engine: Engine) -> None:
    # given
    broker = MemoryBroker()
    broker.declare([Queue(EVENTS)])
    poller = Poller("crm/main", Orders(), engine, broker)
    broker.away = True
    try:
        poller.poll()
    except Exception:
        broker.away = False

    # when
    poller.poll()

    # then
    assert [id_ for id_, _, _ in taken(broker)] == ["crm/main/1", "crm/main/2"]
