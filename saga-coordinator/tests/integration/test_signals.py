"""A signal reaches everybody who waits for it, once; and whatever a process throws is an event as one from outside."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from saga_coordinator.correlation import Correlator
from saga_coordinator.engine import inputs as i
from saga_coordinator.lanes import EVENTS
from saga_coordinator.models import signal_deliveries, signal_subscriptions
from service_kit.broker import Delivery, Outgoing
from service_kit.database import reading
from service_kit.messages import Routing, event


def told(
    payload: Any, id_: str, routing: str | None = Routing.SIGNAL, name: str = "plant.closed", subject: str | None = None
) -> Outgoing:
    outgoing = event(name, "test", payload, id_=id_, subject=subject)
    return Outgoing(EVENTS, msgspec.structs.replace(outgoing, tlrouting=routing))


def waiting(hub: Any, process: str, count: int = 1, **variables: Any) -> list[str]:
    starts = [hub.start(process, variables=variables) for _ in range(count)]
    ids = [request.instance for request in starts]
    hub.drive(lambda: [row.status for row in hub.rows(ids)] == ["waiting"] * count)
    return ids


def statuses(hub: Any, ids: list[str]) -> set[str]:
    return {row.status for row in hub.rows(ids)}


def still_to_be_told(hub: Any) -> tuple[int, int]:
    """(deliveries, subscriptions)"""
    with reading(hub.store) as connection:
        deliveries, subscriptions = (
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (signal_deliveries, signal_subscriptions)
        )
    return deliveries, subscriptions


def arrivals(hub: Any, instance: str) -> list[str]:
    return [id_ for id_ in hub.input_ids(instance) if id_.startswith("sig:")]


def test_a_signal_reaches_everybody_who_waits_and_begins_what_begins_with_it(hub: Any) -> None:
    # given
    hub.deploy("waits-for-signal", "begins-with-signal")
    ids = waiting(hub, "waits-for-signal", 5)

    # when
    hub.broker.publish([told({"plant": "1010"}, "e1")])
    hub.drive(lambda: statuses(hub, ids) == {"completed"} and hub.service.search(process="begins-with-signal"))

    # then
    assert hub.state(ids[0]).scopes[1].variables == {"plant": "1010"}
    (begun,) = hub.service.search(process="begins-with-signal")
    hub.drive(lambda: hub.status(begun.id) == "waiting")
    assert hub.state(begun.id).scopes[1].variables == {"plant": "1010"}
    assert still_to_be_told(hub) == (0, 0)


def test_a_signal_that_is_delivered_again_reaches_nobody_twice_and_nobody_who_came_later(hub: Any) -> None:
    # given somebody who goes on listening after a signal
    hub.deploy("hears-again", "waits-for-signal")
    (first,) = waiting(hub, "hears-again")
    hub.broker.publish([told({}, "e1")])
    hub.drive(lambda: len(arrivals(hub, first)) == 1)
    later = waiting(hub, "waits-for-signal", 2)

    # when the same comes again, then another one
    hub.broker.publish([told({}, "e1")] * 3)
    hub.drive(lambda: not hub.route(timeout=0.3) and not hub.turn(timeout=0.3))
    assert (len(arrivals(hub, first)), statuses(hub, later)) == (1, {"waiting"})
    hub.broker.publish([told({}, "e2")])
    hub.drive(lambda: statuses(hub, later) == {"completed"} and len(arrivals(hub, first)) == 2)

    # then
    assert still_to_be_told(hub) == (0, 1)


def test_a_signal_that_nobody_waits_for_is_lost(hub: Any) -> None:
    # given
    hub.deploy("waits-for-signal")
    hub.broker.publish([told({}, "e1")])
    hub.until(lambda: hub.route(timeout=1.0))

    # when
    ids = waiting(hub, "waits-for-signal")
    hub.drive(lambda: not hub.turn(timeout=0.3))

    # then
    assert statuses(hub, ids) == {"waiting"}
    assert hub.left()["messages"] == 0


@pytest.mark.parametrize(
    ("routing", "expected"),
    [
        (Routing.MESSAGE, {"message": "completed", "signal": "waiting"}),
        (Routing.SIGNAL, {"message": "waiting", "signal": "completed"}),
        (None, {"message": "completed", "signal": "completed"}),
    ],
)
def test_a_message_and_a_signal_of_one_name_are_two_things_and_an_event_is_both(
    hub: Any, routing: str | None, expected: dict[str, str]
) -> None:
    # given
    hub.deploy("waits-for-signal", "waits-for-its-message")
    (hears_message,) = waiting(hub, "waits-for-its-message", order="SO-1")
    (hears_signal,) = waiting(hub, "waits-for-signal")

    # when
    hub.broker.publish([told({}, "e1", routing, subject="SO-1")])
    hub.until(lambda: hub.route(timeout=1.0))
    hub.drive(lambda: not hub.turn(timeout=0.3))

    # then
    assert {"message": hub.status(hears_message), "signal": hub.status(hears_signal)} == expected


def test_more_than_a_page_of_subscribers_are_told_page_by_page(hub: Any) -> None:
    # given
    hub.deploy("waits-for-signal")
    ids = waiting(hub, "waits-for-signal", 60)
    context = hub.coordinator.context
    correlator = Correlator(hub.store, context.registry, context.clock, context.settings, page=25)

    # when
    delivery = Delivery(told({}, "e1").event, EVENTS, 1, None)
    at_once = correlator.route([delivery]).inputs
    again = correlator.route([delivery]).inputs

    # then nobody has to wait for the first page, and the timekeeper tells the others
    assert (len(at_once), again, still_to_be_told(hub)[0]) == (25, [], 60)
    hub.service.submit(*at_once)
    hub.drive(lambda: statuses(hub, ids) == {"completed"})
    assert still_to_be_told(hub) == (0, 0)


def test_whoever_was_told_in_vain_is_told_again(hub: Any) -> None:
    # given a signal whose messages a broker has lost
    hub.deploy("waits-for-signal")
    hub.coordinator = hub.new_coordinator(timer_republish=0.001)
    ids = waiting(hub, "waits-for-signal", 3)
    delivery = Delivery(told({}, "e1").event, EVENTS, 1, None)
    assert len(hub.coordinator.correlator.route([delivery]).inputs) == 3

    # when
    hub.drive(lambda: statuses(hub, ids) == {"completed"})

    # then
    assert [len(arrivals(hub, id_)) for id_ in ids] == [1, 1, 1]
    assert still_to_be_told(hub) == (0, 0)


def test_a_signal_for_somebody_who_waits_no_more_is_forgotten(hub: Any) -> None:
    # given
    hub.deploy("waits-for-signal")
    (instance,) = waiting(hub, "waits-for-signal")
    delivery = Delivery(told({}, "e1").event, EVENTS, 1, None)
    (arrival,) = hub.coordinator.correlator.route([delivery]).inputs
    hub.service.submit(i.Cancel(id="c", instance=instance, undo=False))
    hub.drive(lambda: hub.status(instance) == "cancelled")

    # when
    hub.service.submit(arrival)
    hub.drive(lambda: still_to_be_told(hub) == (0, 0))

    # then
    assert arrivals(hub, instance) == []


def test_a_signal_that_an_instance_throws_reaches_the_others_and_begins_what_begins_with_it(hub: Any) -> None:
    # given
    hub.deploy("waits-for-signal", "begins-with-signal", "throws-signal")
    ids = waiting(hub, "waits-for-signal", 3)

    # when
    thrower = hub.start("throws-signal", variables={"plant": "2020"})
    hub.drive(lambda: statuses(hub, ids) == {"completed"} and hub.service.search(process="begins-with-signal"))

    # then
    assert hub.status(thrower.instance) == "completed"
    assert hub.state(ids[0]).scopes[1].variables == {"plant": "2020"}

    # when its row is published again
    hub.service.submit(thrower)
    hub.drive(lambda: not hub.route(timeout=0.3) and not hub.turn(timeout=0.3))

    # then
    assert len(hub.service.search(process="begins-with-signal")) == 1
    assert hub.dead_letters() == 0


def test_a_message_that_an_instance_throws_finds_who_waits_and_begins_what_begins_with_it(hub: Any) -> None:
    # given one that waits for the first message, and a process that begins with the second
    hub.deploy("throws-message", "waits-for-message", "started-by-event")
    (waits,) = waiting(hub, "waits-for-message", order="SO-1")

    # when
    thrower = hub.start("throws-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(waits) == "completed" and hub.service.search(process="started-by-event"))

    # then
    (begun,) = hub.service.search(process="started-by-event")
    assert (begun.business_key, hub.status(thrower.instance)) == ("SO-1", "completed")

    # when its row is published again
    hub.service.submit(thrower)
    hub.drive(lambda: not hub.route(timeout=0.3) and not hub.turn(timeout=0.3))

    # then
    assert len(hub.service.search(process="started-by-event")) == 1
    assert hub.left() == {"messages": 0, "subscriptions": 0}


def test_a_message_that_an_instance_throws_early_waits_for_its_receiver(hub: Any) -> None:
    # given
    hub.deploy("throws-message", "waits-for-message")
    hub.start("throws-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.left()["messages"] == 2)

    # when
    request = hub.start("waits-for-message", variables={"order": "SO-1"})

    # then
    hub.drive(lambda: hub.status(request.instance) == "completed")


@pytest.mark.parametrize("process", ["begins-by-receiving", "begins-by-either"])
def test_receive_tasks_and_event_gateways_begin_instances(hub: Any, process: str) -> None:
    # given
    hub.deploy(process)

    # when
    hub.publish("invoice.paid", "SO-1", {"number": "SO-1"}, "e1")
    hub.drive(lambda: [row.status for row in hub.service.search(process=process)] == ["waiting"])

    # then
    (row,) = hub.service.search(process=process)
    (step,) = hub.state(row.id).steps.values()
    assert step.element == "check"
    assert hub.state(row.id).scopes[1].variables["number"] == "SO-1"
