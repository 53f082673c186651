"""What nobody can handle is put aside, and the rest goes on."""

import random
import string
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, update

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.models import messages, timers
from service_kit.broker import BrokerUnavailable
from service_kit.database import reading, writing
from service_kit.messages import CloudEvent, Completed, Reply, event


class Killed(BaseException):
    """Stands for a process that dies."""


def test_bad_inputs_in_a_batch_cost_the_others_nothing(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    good = hub.new_start("five-steps")
    garbage = CloudEvent(id="garbage", source="test", type=i.INPUT_TYPE, data=msgspec.Raw(b'{"input":"start"}'))
    strange = event("some.other.type", "test", {}, id_="strange")
    unknown = hub.new_start("nobody-knows-this")
    nul = hub.new_start("five-steps", business_key="a\0b")
    lost = Reply(id="r", command="c", instance="nobody", step=1, attempt=1, outcome=Completed())

    # when
    hub.send(garbage, good.instance)
    hub.send(strange, good.instance)
    hub.service.submit(unknown, nul, good)
    hub.send(event("throughline.reply.v1", "test", lost, id_="lost"), good.instance)
    hub.drive(lambda: hub.status(good.instance) == "completed")

    # then
    hub.until(lambda: hub.turn() + 1 and hub.dead_letters() == 4)
    outcomes = hub.service.outcomes([(start.instance, start.id) for start in (unknown, nul)])
    assert outcomes[unknown.id].refusal.code == "CANNOT_BE_HANDLED"
    assert outcomes[nul.id].refusal.code == "BUSINESS_KEY"


def test_an_operator_act_on_an_instance_that_does_not_exist_is_refused(hub: Any) -> None:
    # given
    cancel = i.Cancel(id="c1", instance="nobody")

    # when
    hub.service.submit(cancel)
    hub.drive(lambda: hub.service.outcomes([("nobody", "c1")]))

    # then
    assert hub.service.outcomes([("nobody", "c1")])["c1"].refusal.code == "NO_SUCH_INSTANCE"


def test_who_was_told_no_is_not_obeyed_later_because_the_input_was_delivered_again(hub: Any) -> None:
    # given a completion that came before its step was open, and was refused
    hub.deploy("boundary-message")
    request = hub.new_start("boundary-message", variables={"order": "SO-1"})
    early = i.CompleteStep(id="done", instance=request.instance, step=3)
    hub.decide(hub.coordinator, [hub.item(early)])
    hub.decide(hub.coordinator, [hub.item(request)])
    assert 3 in hub.state(request.instance).steps

    # when
    hub.decide(hub.coordinator, [hub.item(early, deliveries=2)])

    # then
    assert hub.status(request.instance) == "waiting"
    assert hub.service.outcomes([(request.instance, "done")])["done"].refusal.code == "NO_SUCH_INSTANCE"


def test_an_input_that_kills_its_consumer_each_time_is_put_aside_and_the_others_go_on(hub: Any) -> None:
    # given a process whose start kills whoever handles it
    hub.deploy("five-steps", "keyed")

    def deadly(xml: bytes, process_id: str, decisions: Any = None) -> Process:
        if process_id == "keyed":
            raise Killed
        return hub.parse(xml, process_id, decisions)  # type: ignore[no-any-return]

    # when
    good, bad = hub.new_start("five-steps"), hub.new_start("keyed", variables={"order": 1})
    hub.service.submit(good, bad)
    deaths = 0
    while not hub.dead_letters() and deaths < 20:
        deaths += hub.lives(hub.new_coordinator(parse=deadly), hub.dead_letters, Killed)

    # then
    assert 3 <= deaths <= 6
    hub.drive(lambda: hub.status(good.instance) == "completed")
    assert hub.started() == [good.instance]


def test_while_the_broker_is_away_nothing_is_acknowledged_and_then_everything_goes_on(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    failures = iter(range(3))
    publish = hub.broker.publish

    class Flaky:
        def publish(self, outgoing: Any) -> None:
            if next(failures, None) is not None:
                raise BrokerUnavailable
            publish(outgoing)

        def __getattr__(self, name: str) -> Any:
            return getattr(hub.broker, name)

    # when
    request = hub.start("five-steps")
    hub.drive(lambda: hub.status(request.instance) == "completed", hub.new_coordinator(Flaky()))

    # then
    assert next(failures, None) is None
    assert len(hub.connector.done) == 5


@pytest.mark.parametrize("every", [1, 2, 5])
def test_snapshots_change_nothing_but_the_reading(hub: Any, every: int) -> None:
    # given
    forgetful = hub.new_coordinator(snapshot_every=every, cached_instances=1)
    hub.deploy("five-steps")

    # when
    starts = [hub.start("five-steps", variables={"n": n}) for n in range(3)]
    hub.drive(lambda: all(hub.status(s.instance) == "completed" for s in starts), forgetful)

    # then
    for start in starts:
        assert hub.state(start.instance) == hub.replayed(start.instance)
    before = [hub.state(start.instance) for start in starts]
    hub.spoil_snapshots()
    assert [hub.state(start.instance) for start in starts] == before


def test_a_duplicate_older_than_the_snapshot_is_recognised(hub: Any) -> None:
    # given
    coordinator = hub.new_coordinator(snapshot_every=3, cached_instances=1)
    hub.deploy("five-steps")
    first, second = hub.start("five-steps"), hub.start("five-steps")
    done = [first.instance, second.instance]
    hub.drive(lambda: all(hub.status(id_) == "completed" for id_ in done), coordinator)
    row = hub.service.journal(first.instance, 2, 1)[0]

    # when
    hub.service.submit(msgspec.json.decode(row.input, type=i.Input))
    hub.until(lambda: hub.turn(coordinator, timeout=1.0))

    # then
    assert len(hub.input_ids(first.instance)) == 6


def test_an_unknown_fact_is_never_skipped(hub: Any) -> None:
    # given
    hub.connector.answer = lambda command: None
    hub.deploy("five-steps")
    request = hub.start("five-steps")
    hub.drive(lambda: hub.connector.commands)
    hub.write_facts(request.instance, 1, b'[{"fact":"from-the-future"}]')
    other = hub.new_coordinator()

    # when
    hub.service.submit(i.Cancel(id="c", instance=request.instance))
    hub.until(lambda: hub.turn(other, timeout=1.0))

    # then
    assert hub.dead_letters() == 1
    assert len(hub.service.journal(request.instance)) == 1


def incompressible(length: int) -> str:
    """Longer in an index than PostgreSQL allows."""
    return "".join(random.Random(5).choices(string.ascii_letters + string.digits, k=length))


def count(hub: Any, table: Any) -> int:
    with reading(hub.store) as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def without_elements(hub: Any) -> Any:
    """A coordinator that can decide nothing for which it needs the diagram."""

    def parse(xml: bytes, process_id: str, decisions: Any = None) -> Process:
        whole: Process = hub.parse(xml, process_id, decisions)
        return msgspec.structs.replace(whole, elements={})

    return hub.new_coordinator(parse=parse)


def without_diagrams(hub: Any) -> Any:
    """A coordinator that can decide nothing."""

    def parse(xml: bytes, process_id: str, decisions: Any = None) -> Process:
        raise RuntimeError("nobody thought of this\0")

    return hub.new_coordinator(parse=parse)


def incident_codes(hub: Any, instance: str) -> list[str]:
    state = hub.state(instance)
    return [state.steps[step].incident.code for step in state.incidents]


def test_what_the_store_cannot_take_stops_nobody(hub: Any) -> None:
    # given an instance id that fits in no index of PostgreSQL's
    hub.deploy("five-steps")
    good, other = hub.new_start("five-steps"), hub.new_start("five-steps")
    huge = msgspec.structs.replace(hub.new_start("five-steps"), instance=incompressible(5_000))

    # when
    hub.service.submit(good, huge, other)
    hub.drive(lambda: all(hub.status(start.instance) == "completed" for start in (good, other)))

    # then
    assert hub.dead_letters() == (1 if hub.on_postgresql else 0)
    if hub.on_postgresql:
        refusal = hub.service.outcomes([(huge.instance, huge.id)])[huge.id].refusal
        assert refusal.code == "CANNOT_BE_HANDLED"


def test_a_key_that_is_too_long_is_refused(hub: Any) -> None:
    # given
    hub.deploy("keyed")
    long = hub.new_start("keyed", business_key=incompressible(5_000))
    fine = hub.new_start("keyed", business_key="fine")

    # when
    hub.service.submit(long, fine)
    hub.drive(lambda: hub.status(fine.instance) == "completed" and hub.service.outcomes([(long.instance, long.id)]))

    # then
    assert hub.service.outcomes([(long.instance, long.id)])[long.id].refusal.code == "BUSINESS_KEY"


@pytest.mark.parametrize("key", [incompressible(5_000), "a\0b"])
def test_an_instance_that_would_wait_for_a_key_that_nobody_can_store_is_an_incident(hub: Any, key: str) -> None:
    # given
    hub.deploy("waits-for-message")

    # when
    request = hub.start("waits-for-message", variables={"order": key})
    hub.drive(lambda: hub.status(request.instance) == "incident")

    # then
    assert hub.dead_letters() == 0


def test_a_reply_that_nobody_can_handle_is_an_incident_of_its_step(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    request = hub.start("five-steps")
    hub.until(lambda: hub.turn(timeout=1.0) and hub.status(request.instance))

    # when
    hub.drive(lambda: hub.status(request.instance) == "incident", without_elements(hub))

    # then
    assert hub.dead_letters() == 1
    assert incident_codes(hub, request.instance) == ["CANNOT_BE_HANDLED"]
    (step,) = hub.state(request.instance).incidents
    assert hub.input_ids(request.instance)[-1] == f"failed:{hub.connector.commands[0].id}:r"
    assert step == hub.connector.commands[0].step


def test_a_timer_that_nobody_can_handle_is_told_once(hub: Any) -> None:
    # given
    hub.deploy("waits-a-second")
    request = hub.start("waits-a-second")
    hub.drive(lambda: count(hub, timers) == 1)

    # when
    with writing(hub.store) as connection:
        connection.execute(update(timers).values(wake_at=0))
    hub.drive(lambda: hub.status(request.instance) == "incident", without_elements(hub))

    # then
    assert (count(hub, timers), hub.dead_letters()) == (0, 1)


def test_a_message_that_nobody_can_handle_is_told_once(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    request = hub.start("waits-for-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # when
    hub.publish("invoice.paid", "SO-1", {}, "e1")
    hub.drive(lambda: hub.status(request.instance) == "incident", without_elements(hub))

    # then
    assert (count(hub, messages), hub.dead_letters()) == (0, 1)


def test_that_something_failed_is_not_told_again_where_that_fails_too(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    request = hub.start("five-steps")
    hub.until(lambda: hub.turn(timeout=1.0) and hub.status(request.instance))
    other = without_diagrams(hub)

    # when
    hub.drive(lambda: hub.dead_letters() == 2, other)
    hub.turn(other, timeout=0.5)

    # then
    assert hub.dead_letters() == 2


@pytest.mark.parametrize(("type_", "subject"), [("a.b", incompressible(5_000)), ("a.b", "a\0b"), ("a" * 501, "k")])
def test_an_event_with_a_key_that_nobody_can_store_goes_to_the_dead_letters(hub: Any, type_: str, subject: str) -> None:
    # given
    hub.deploy("waits-for-message")
    request = hub.start("waits-for-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # when
    hub.publish(type_, subject, {}, "bad")
    hub.publish("invoice.paid", "SO-1", {}, "good")
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    hub.until(lambda: hub.dead_letters() == 1)
    assert hub.left()["messages"] == 0
