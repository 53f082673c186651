"""A message finds the instance that waits for it, whoever comes first: once, and never lost."""

import threading
from typing import Any

import pytest

from saga_coordinator.engine import inputs as i
from service_kit import tracing


def waiting(hub: Any, order: str = "SO-1") -> str:
    request = hub.start("waits-for-message", variables={"order": order})
    hub.drive(lambda: hub.status(request.instance) == "waiting")
    return str(request.instance)


def arrivals(hub: Any, instance: str) -> list[str]:
    return [id_ for id_ in hub.input_ids(instance) if not id_.startswith("s:")]


def test_a_message_reaches_the_instance_that_waits_for_its_key(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    mine, other = waiting(hub, "SO-1"), waiting(hub, "SO-2")

    # when
    hub.publish("invoice.paid", "SO-1", {"amount": 5}, "e1")
    hub.drive(lambda: hub.status(mine) == "completed")

    # then
    assert hub.status(other) == "waiting"
    assert hub.left() == {"messages": 0, "subscriptions": 1}


def test_a_message_that_comes_early_waits_for_its_instance(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    hub.publish("invoice.paid", "SO-1", {"amount": 5}, "e1")
    hub.drive(lambda: hub.left()["messages"] == 1)

    # when
    request = hub.start("waits-for-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert len(arrivals(hub, request.instance)) == 1
    assert hub.left() == {"messages": 0, "subscriptions": 0}


def test_an_early_message_whose_time_is_over_is_forgotten(hub: Any) -> None:
    # given
    hub.coordinator = hub.new_coordinator(early_message_ttl=0.001)
    hub.deploy("waits-for-message")
    hub.publish("invoice.paid", "SO-1", {}, "e1")
    hub.drive(lambda: hub.left()["messages"] == 1)

    # when
    instance = waiting(hub)
    hub.coordinator.retention.round()

    # then
    assert hub.status(instance) == "waiting"
    assert hub.left() == {"messages": 0, "subscriptions": 1}


@pytest.mark.parametrize("round_", range(4))
def test_a_message_that_comes_while_its_subscription_is_opened_is_neither_lost_nor_delivered_twice(
    hub: Any, round_: int
) -> None:
    # given
    hub.deploy("waits-for-message")
    starts = [hub.new_start("waits-for-message", variables={"order": f"SO-{n}"}) for n in range(10)]
    routed: list[Any] = []
    decided: list[Any] = []
    barrier = threading.Barrier(2)

    # when
    def open_subscriptions() -> None:
        barrier.wait()
        decided.extend(hub.decide(hub.coordinator, [hub.item(s)]) for s in starts)

    def route() -> None:
        barrier.wait()
        for n in reversed(range(10)):
            routed.extend(hub.route_event("invoice.paid", f"SO-{n}", {}, f"e{n}").inputs)

    threads = [threading.Thread(target=open_subscriptions), threading.Thread(target=route)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # then each message became one input, here or there
    early = [o for done in decided for o in done.outgoing if o.queue.startswith("lane.")]
    assert len(routed) + len(early) == 10
    hub.broker.publish([*early, *(hub.lane_event(input_) for input_ in routed)])
    hub.drive(lambda: all(hub.status(s.instance) == "completed" for s in starts))
    assert hub.left() == {"messages": 0, "subscriptions": 0}


def test_two_instances_that_wait_for_the_same_key_share_nothing_one_message_is_for_one_of_them(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    first, second = waiting(hub), waiting(hub)

    # when
    hub.publish("invoice.paid", "SO-1", {}, "e1")
    hub.drive(lambda: hub.status(first) == "completed")
    hub.publish("invoice.paid", "SO-1", {}, "e1")
    hub.route(timeout=5.0)
    hub.turn(timeout=0.5)

    # then the redelivered one is not for the other
    assert hub.status(second) == "waiting"
    hub.publish("invoice.paid", "SO-1", {}, "e2")
    hub.drive(lambda: hub.status(second) == "completed")


def test_a_message_that_was_routed_and_not_published_is_published_when_its_event_comes_again(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    instance = waiting(hub)
    hub.route_event("invoice.paid", "SO-1", {"amount": 5}, "e1")

    # when
    hub.publish("invoice.paid", "SO-1", {"amount": 5}, "e1")
    hub.drive(lambda: hub.status(instance) == "completed")

    # then
    assert len(arrivals(hub, instance)) == 1


def test_a_message_that_the_broker_lost_is_published_again(hub: Any) -> None:
    # given
    hub.coordinator = hub.new_coordinator(timer_republish=0.01)
    hub.deploy("waits-for-message")
    instance = waiting(hub)
    hub.route_event("invoice.paid", "SO-1", {"amount": 5}, "e1")

    # when
    hub.drive(lambda: hub.status(instance) == "completed")

    # then
    assert len(arrivals(hub, instance)) == 1


def test_a_message_whose_receiver_is_gone_is_for_the_next_one(hub: Any) -> None:
    # given a message on its way to an instance that is cancelled before it comes
    hub.deploy("waits-for-message")
    first, second = waiting(hub), waiting(hub)
    (arrival,) = hub.route_event("invoice.paid", "SO-1", {}, "e1").inputs
    hub.service.submit(i.Cancel(id="c", instance=arrival.instance))
    hub.drive(lambda: hub.state(arrival.instance).ended)

    # when
    hub.service.submit(arrival)
    other = second if arrival.instance == first else first
    hub.drive(lambda: hub.status(other) == "completed")

    # then
    assert hub.left() == {"messages": 0, "subscriptions": 0}


def test_a_message_that_came_back_twice_is_not_taken_from_its_new_receiver(hub: Any) -> None:
    # given a message that its first receiver cannot take any more
    hub.deploy("waits-for-message")
    first, second = waiting(hub), waiting(hub)
    (arrival,) = hub.route_event("invoice.paid", "SO-1", {}, "e1").inputs
    other = second if arrival.instance == first else first
    hub.service.submit(i.Cancel(id="c", instance=arrival.instance))
    hub.drive(lambda: hub.state(arrival.instance).ended)

    # when it is given to another one, and delivered to the first again before that one has it
    given = hub.decide(hub.coordinator, [hub.item(arrival)]).outgoing
    again = hub.decide(hub.coordinator, [hub.item(arrival, deliveries=2)]).outgoing
    hub.broker.publish(given)
    hub.drive(lambda: hub.status(other) == "completed")
    third = waiting(hub)
    hub.turn(timeout=0.3)

    # then
    assert (len(given), again) == (1, [])
    assert hub.status(third) == "waiting"
    assert hub.left() == {"messages": 0, "subscriptions": 1}


def test_a_message_whose_receiver_is_gone_waits_like_an_early_one_if_there_is_no_other(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    first = waiting(hub)
    (arrival,) = hub.route_event("invoice.paid", "SO-1", {}, "e1").inputs
    hub.service.submit(i.Cancel(id="c", instance=first))
    hub.drive(lambda: hub.state(first).ended)
    hub.service.submit(arrival)
    hub.until(lambda: hub.turn(timeout=1.0))

    # when
    request = hub.start("waits-for-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert hub.left() == {"messages": 0, "subscriptions": 0}


def test_a_boundary_event_that_does_not_interrupt_takes_no_message_twice(hub: Any) -> None:
    # given
    hub.deploy("boundary-message")
    request = hub.start("boundary-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # when
    for _ in range(2):
        hub.publish("invoice.paid", "SO-1", {}, "e1")
    hub.drive(lambda: len(arrivals(hub, request.instance)) == 1)
    (step,) = [step for step in hub.state(request.instance).steps.values() if step.element == "approve"]
    hub.service.submit(i.CompleteStep(id="done", instance=request.instance, step=step.id))
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert len(arrivals(hub, request.instance)) == 2
    assert hub.left()["subscriptions"] == 0


def test_an_event_starts_one_instance_however_often_it_is_delivered(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")

    # when
    for _ in range(5):
        hub.publish("order.confirmed", "SO-1", {"number": "SO-1", "total": 200}, "e1")
    hub.drive(lambda: [row.status for row in hub.service.search(process="started-by-event")] == ["completed"])
    hub.route(timeout=0.5)
    hub.drive(lambda: not hub.turn(timeout=0.3))

    # then
    (row,) = hub.service.search(process="started-by-event")
    assert row.business_key == "SO-1"
    assert len(hub.connector.done) == 1


@pytest.mark.parametrize("given", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "rubbish", None])
def test_an_instance_goes_on_with_the_trace_of_the_event_that_started_it(hub: Any, given: str | None) -> None:
    # given
    hub.deploy("started-by-event")

    # when
    hub.publish("order.confirmed", "SO-1", {"number": "SO-1", "total": 200}, "e1", given)
    hub.drive(lambda: [row.status for row in hub.service.search(process="started-by-event")] == ["completed"])

    # then
    trace = given if given and given != "rubbish" else tracing.derived(None, hub.started()[0], "")
    assert [position.split("-")[1] for position in hub.connector.traces] == [trace.split("-")[1]]


def test_an_event_that_no_start_event_wants_starts_nothing(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")

    # when
    hub.publish("order.confirmed", "SO-1", {"number": "SO-1", "total": 20}, "e1")
    hub.drive(lambda: hub.left()["messages"] == 1)

    # then
    assert hub.started() == []


def test_an_event_that_nobody_can_read_goes_to_the_dead_letters_and_the_others_go_on(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")

    # when
    hub.publish("order.confirmed", "SO-1", {"number": {"not": "a key"}, "total": 200}, "bad")
    hub.publish("order.confirmed", "SO-2", {"number": "SO-2", "total": 200}, "good")
    hub.drive(lambda: [row.status for row in hub.service.search(process="started-by-event")] == ["completed"])

    # then
    hub.until(lambda: hub.dead_letters() == 1)


def test_an_event_goes_to_the_newest_version_of_a_process(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")
    changed = (hub.processes / "started-by-event.bpmn").read_bytes() + b"<!-- 2 -->"
    hub.service.deploy(changed, "started-by-event")

    # when
    hub.publish("order.confirmed", "SO-1", {"number": "SO-1", "total": 200}, "e1")
    hub.drive(lambda: hub.service.search(process="started-by-event"))

    # then
    assert [row.version for row in hub.service.search(process="started-by-event")] == [2]
