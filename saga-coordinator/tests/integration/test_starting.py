"""One start, one instance, however often and by however many it is asked for."""

import threading
from itertools import pairwise
from typing import Any

from saga_coordinator.starts import start
from service_kit.messages import Completed, Rejected


def test_the_same_start_sent_twenty_times_at_once_makes_one_instance(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    rival = hub.new_coordinator()
    request = start("five-steps", 1, idempotency_key="order-1", variables={"order": 1})

    # when
    senders = [threading.Thread(target=hub.service.submit, args=(request,)) for _ in range(20)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    hub.drive(lambda: hub.status(request.instance) == "completed", hub.coordinator, rival)

    # then
    assert hub.started() == [request.instance]
    assert len(hub.connector.done) == 5
    assert hub.service.outcomes([(request.instance, request.id)])[request.id].seq == 1


def test_twenty_starts_with_one_business_key_make_one_instance_and_nineteen_refusals(hub: Any) -> None:
    # given
    hub.deploy("keyed")
    rival = hub.new_coordinator()
    hub.connector.answer = lambda command: None

    # when
    starts = [hub.start("keyed", variables={"order": "SO-1"}) for _ in range(20)]
    wanted = [(s.instance, s.id) for s in starts]
    hub.drive(lambda: len(hub.service.outcomes(wanted)) == 20, hub.coordinator, rival)

    # then
    (winner,) = hub.started()
    refusals = [o.refusal for o in hub.service.outcomes(wanted).values() if o.refusal]
    assert [(r.code, r.existing_instance) for r in refusals] == [("BUSINESS_KEY_TAKEN", winner)] * 19


def test_a_start_is_answered_with_the_existing_instance_where_the_process_says_so(hub: Any) -> None:
    # given
    hub.deploy("keyed-existing")
    hub.connector.answer = lambda command: None
    first = hub.start("keyed-existing", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(first.instance))

    # when
    second = hub.start("keyed-existing", variables={"order": "SO-1"})
    hub.drive(lambda: hub.service.outcomes([(second.instance, second.id)]))

    # then
    refusal = hub.service.outcomes([(second.instance, second.id)])[second.id].refusal
    assert (refusal.code, refusal.existing_instance) == ("EXISTING_INSTANCE", first.instance)


def test_a_business_key_is_free_again_when_its_instance_has_ended(hub: Any) -> None:
    # given
    hub.deploy("keyed")
    first = hub.start("keyed", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(first.instance) == "completed")

    # when
    second = hub.start("keyed", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(second.instance) == "completed")

    # then
    assert len(hub.started()) == 2


def test_a_business_key_that_is_unique_for_ever_is_never_free_again(hub: Any) -> None:
    # given
    hub.deploy("keyed-ever")
    first = hub.start("keyed-ever", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(first.instance) == "completed")

    # when
    second = hub.start("keyed-ever", variables={"order": "SO-1"})
    hub.drive(lambda: hub.service.outcomes([(second.instance, second.id)]))

    # then
    assert hub.service.outcomes([(second.instance, second.id)])[second.id].refusal.code == "BUSINESS_KEY_TAKEN"
    assert hub.started() == [first.instance]


def test_a_business_key_that_is_unique_among_completed_instances_is_free_again_only_after_one_that_was_undone(
    hub: Any,
) -> None:
    # given an instance that was refused
    hub.deploy("keyed-completed")
    hub.connector.answer = lambda command: Rejected(code="NO", message="not today")
    undone = hub.start("keyed-completed", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(undone.instance) == "compensated")

    # when the same is begun again, and completes, and then once more
    hub.connector.answer = lambda command: Completed()
    completed = hub.start("keyed-completed", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(completed.instance) == "completed")
    third = hub.start("keyed-completed", variables={"order": "SO-1"})
    hub.drive(lambda: hub.service.outcomes([(third.instance, third.id)]))

    # then
    refusal = hub.service.outcomes([(third.instance, third.id)])[third.id].refusal
    assert (refusal.code, refusal.existing_instance) == ("BUSINESS_KEY_TAKEN", completed.instance)
    assert sorted(hub.started()) == sorted([undone.instance, completed.instance])


def test_a_refused_start_that_is_sent_again_with_its_key_gets_the_same_answer(hub: Any) -> None:
    # given
    hub.deploy("keyed")
    first = hub.start("keyed", variables={"order": "SO-1"}, idempotency_key="a")
    hub.until(lambda: hub.turn(timeout=1.0))
    refused = hub.start("keyed", variables={"order": "SO-1"}, idempotency_key="b")
    hub.until(lambda: hub.turn(timeout=1.0))
    hub.drive(lambda: hub.status(first.instance) == "completed")

    # when
    again = hub.start("keyed", variables={"order": "SO-1"}, idempotency_key="b")
    hub.until(lambda: hub.turn(timeout=1.0))

    # then
    assert again == refused
    assert hub.started() == [first.instance]
    assert hub.service.outcomes([(again.instance, again.id)])[again.id].refusal.code == "BUSINESS_KEY_TAKEN"


def test_an_idempotency_key_that_comes_with_another_request_is_refused(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    first = hub.start("five-steps", idempotency_key="k", variables={"order": 1})

    # when
    second = hub.start("five-steps", idempotency_key="k", variables={"order": 2})
    hub.drive(lambda: hub.status(first.instance) == "completed")

    # then
    assert second.instance == first.instance
    outcomes = hub.service.outcomes([(first.instance, first.id), (second.instance, second.id)])
    assert outcomes[first.id].seq == 1
    assert outcomes[second.id].refusal.code == "IDEMPOTENCY_KEY_REUSED"


def test_a_start_whose_business_key_cannot_be_computed_is_refused(hub: Any) -> None:
    # given
    hub.deploy("keyed")

    # when
    request = hub.start("keyed", variables={})
    hub.drive(lambda: hub.service.outcomes([(request.instance, request.id)]))

    # then
    assert hub.service.outcomes([(request.instance, request.id)])[request.id].refusal.code == "BUSINESS_KEY"
    assert hub.started() == []


def test_the_same_file_deployed_twice_is_one_version_and_another_file_the_next(hub: Any) -> None:
    # given
    xml = (hub.processes / "five-steps.bpmn").read_bytes()

    # when
    versions = [hub.service.deploy(x, "five-steps").version for x in (xml, xml, xml + b"\n<!-- changed -->")]

    # then
    assert versions == [1, 1, 2]


def test_starts_that_queue_for_a_business_key_run_one_after_another_in_their_order(hub: Any) -> None:
    # given
    hub.deploy("keyed-queue")
    hub.coordinator = hub.new_coordinator(timer_republish=0.5)
    starts = []
    for _ in range(4):
        starts.append(hub.start("keyed-queue", variables={"order": "SO-1"}))
        hub.until(lambda: hub.turn(timeout=1.0))
    wanted = [(s.instance, s.id) for s in starts]
    assert [hub.service.outcomes(wanted)[s.id].queued for s in starts] == [False, True, True, True]

    # when
    hub.drive(lambda: all(hub.status(s.instance) == "completed" for s in starts))

    # then
    rows = hub.service.instances([s.instance for s in starts])
    assert [command.instance for command in hub.connector.commands] == [s.instance for s in starts]
    for earlier, later in pairwise(starts):
        assert rows[later.instance].started_at >= rows[earlier.instance].ended_at
    assert not any(outcome.queued for outcome in hub.service.outcomes(wanted).values())
