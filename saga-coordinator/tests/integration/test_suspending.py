"""A system or a process is suspended as a whole: nothing begins, nothing is lost, and resumed it goes on by itself."""

from typing import Any

import pytest

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import open_commands
from saga_coordinator.errors import AlreadySuspended, NotSuspended
from saga_coordinator.store import held_commands
from saga_coordinator.store.suspensions import PROCESS, SYSTEM
from service_kit.database import reading
from service_kit.messages import Command, CommandKind, Probed, ProbeVerdict

WHY = ("key:ann", "maintenance")


def suspend(hub: Any, kind: str, name: str) -> None:
    hub.coordinator.operating.suspend(kind, name, *WHY)


def resume(hub: Any, kind: str, name: str) -> None:
    hub.coordinator.operating.resume(kind, name, *WHY)


def held(hub: Any) -> int:
    with reading(hub.store) as connection:
        return held_commands.counts(connection).get("erp", 0)


# -- a system


def test_nothing_is_sent_to_a_suspended_system_and_everything_once_after_that(hub: Any) -> None:
    # given three instances that want to call it
    hub.deploy("five-steps")
    suspend(hub, SYSTEM, "erp")
    started = [hub.start("five-steps").instance for _ in range(3)]
    hub.drive(lambda: held(hub) == 3)
    sent_meanwhile = hub.connector.step(0.2)

    # when it is resumed, and another coordinator takes over
    resume(hub, SYSTEM, "erp")
    other = hub.new_coordinator()
    hub.drive(lambda: all(hub.status(instance) == "completed" for instance in started), other)

    # then
    sent = [command.id for command in hub.connector.commands]
    assert (sent_meanwhile, len(sent), len(set(sent)), held(hub)) == (0, 15, 15, 0)
    assert hub.coordinator.operating.suspensions() == []


def test_what_is_out_is_answered_while_its_system_is_suspended(hub: Any) -> None:
    # given a command that went out before
    hub.deploy("five-steps")
    instance = hub.start("five-steps").instance
    hub.until(hub.turn)
    suspend(hub, SYSTEM, "erp")

    # when
    hub.drive(lambda: held(hub) == 1)

    # then the first step is done, and the second one's command waits
    assert [command.id for command in hub.connector.commands] == [f"{instance}.3.1"] or len(hub.connector.commands) == 1
    assert len(open_commands(hub.state(instance))) == 1


def test_the_time_of_a_held_command_begins_when_it_is_sent(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    coordinator = hub.new_coordinator(sweep_after=0.0, nudge_grace=0.0)
    suspend(hub, SYSTEM, "erp")
    instance = hub.start("five-steps").instance
    hub.drive(lambda: held(hub) == 1)
    (before,) = open_commands(hub.state(instance))

    # when
    pushed = coordinator.sweep.sweep_page()
    resume(hub, SYSTEM, "erp")
    pushed += coordinator.sweep.sweep_page()
    hub.connector.answer = lambda command: None
    hub.drive(lambda: hub.connector.commands)

    # then nobody has asked about it meanwhile
    (after,) = open_commands(hub.state(instance))
    assert pushed == 0
    assert (after.command, after.at > before.at, after.verify) == (before.command, True, False)


def test_a_held_command_that_nobody_wants_any_more_is_never_sent(hub: Any) -> None:
    # given
    hub.deploy("create-two")
    hub.connector.answer = absent
    suspend(hub, SYSTEM, "erp")
    instance = hub.start("create-two").instance
    hub.drive(lambda: held(hub) == 1)

    # when
    hub.service.submit(i.Cancel(id="c", instance=instance, by="key:ann", reason="withdrawn"))
    hub.drive(lambda: hub.state(instance).stopping)
    resume(hub, SYSTEM, "erp")
    hub.drive(lambda: hub.status(instance) == "compensated" and not held(hub))

    # then
    assert {command.kind for command in hub.connector.commands} == {CommandKind.PROBE}


def absent(command: Command) -> Any:
    return Probed(verdict=ProbeVerdict.ABSENT) if command.kind is CommandKind.PROBE else None


def test_a_redelivered_input_sends_nothing_to_a_system_that_was_suspended_meanwhile(hub: Any) -> None:
    # given a row whose command was lost: its coordinator died between commit and publish
    hub.deploy("five-steps")
    start = hub.new_start("five-steps")
    hub.decide(hub.coordinator, [hub.item(start)])
    suspend(hub, SYSTEM, "erp")

    # when
    done = hub.decide(hub.new_coordinator(), [hub.item(start, deliveries=2)])

    # then
    assert [outgoing for outgoing in done.outgoing if outgoing.queue == "commands.erp"] == []
    assert held(hub) == 1
    resume(hub, SYSTEM, "erp")
    hub.drive(lambda: hub.status(start.instance) == "completed")


# -- a process


def test_a_process_is_suspended_with_all_its_instances_and_those_that_they_called(hub: Any) -> None:
    # given
    hub.deploy("named", "calls-named", "touches-then-waits")
    hub.connector.answer = lambda command: None
    caller = hub.start("calls-named", variables={"order": "SO-1"}).instance
    bystander = hub.start("touches-then-waits", variables={"order": "SO-2"}).instance
    hub.drive(lambda: len(hub.started()) == 3 and len(hub.service.search(parent=caller)) == 1)
    (child,) = hub.service.search(parent=caller)

    # when
    suspend(hub, PROCESS, "calls-named")
    hub.drive(lambda: {hub.status(caller), hub.status(child.id)} == {"suspended"})
    resume(hub, PROCESS, "calls-named")
    hub.drive(lambda: "suspended" not in (hub.status(caller), hub.status(child.id)))

    # then
    acts = hub.service.whole_journal(caller)[1:]
    assert all(b'"key:ann"' in row.input and b'"maintenance"' in row.input for row in acts)
    assert len(acts) == 2
    assert hub.state(bystander).seq == 1


def test_an_event_that_starts_a_suspended_process_is_kept(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")
    suspend(hub, PROCESS, "started-by-event")

    # when
    hub.publish("order.confirmed", "SO-1", {"number": "SO-1", "total": 500}, "e1")
    hub.drive(hub.started)
    (instance,) = hub.started()
    kept = hub.status(instance), len(hub.connector.commands)
    resume(hub, PROCESS, "started-by-event")
    hub.drive(lambda: hub.status(instance) == "completed")

    # then
    assert kept == ("suspended", 0)
    assert len(hub.connector.commands) == 1


def test_an_instance_that_is_suspended_for_itself_stays_so_when_its_process_goes_on(hub: Any) -> None:
    # given
    hub.deploy("touches-then-waits")
    instance = hub.start("touches-then-waits", variables={"order": "SO-1"}).instance
    hub.drive(lambda: hub.status(instance) == "waiting")
    suspend(hub, PROCESS, "touches-then-waits")
    hub.drive(lambda: hub.status(instance) == "suspended")
    hub.service.submit(i.Suspend(id="own", instance=instance, by="key:bob", reason="mine"))
    hub.drive(lambda: len(hub.state(instance).suspensions) == 2)

    # when
    resume(hub, PROCESS, "touches-then-waits")
    hub.drive(lambda: len(hub.state(instance).suspensions) == 1)
    still = hub.status(instance)
    hub.service.submit(i.Resume(id="own-over", instance=instance, by="key:bob", reason="mine"))
    hub.drive(lambda: hub.status(instance) == "waiting")

    # then
    assert still == "suspended"


def test_an_instance_that_somebody_lets_go_on_is_not_suspended_again(hub: Any) -> None:
    # given
    hub.deploy("touches-then-waits")
    instance = hub.start("touches-then-waits", variables={"order": "SO-1"}).instance
    hub.drive(lambda: hub.status(instance) == "waiting")
    suspend(hub, PROCESS, "touches-then-waits")
    hub.drive(lambda: hub.status(instance) == "suspended")

    # when
    hub.service.submit(i.Resume(id="r", instance=instance, by="key:bob", reason="a trial"))
    hub.drive(lambda: hub.status(instance) == "waiting")
    hub.new_coordinator().suspender.look()

    # then
    assert hub.turn(timeout=0.2) == 0


def test_a_suspension_that_arrives_after_its_end_changes_nothing(hub: Any) -> None:
    hub.deploy("touches-then-waits")
    instance = hub.start("touches-then-waits", variables={"order": "SO-1"}).instance
    hub.drive(lambda: hub.status(instance) == "waiting")

    hub.decide(hub.coordinator, [hub.item(i.Suspend(id="late", instance=instance, cause="long-over"))])

    assert hub.status(instance) == "waiting"


@pytest.mark.parametrize(("kind", "name"), [(SYSTEM, "erp"), (PROCESS, "five-steps")])
def test_a_thing_is_suspended_once(hub: Any, kind: str, name: str) -> None:
    hub.deploy("five-steps")

    with pytest.raises(NotSuspended):
        resume(hub, kind, name)
    suspend(hub, kind, name)
    with pytest.raises(AlreadySuspended):
        suspend(hub, kind, name)
    resume(hub, kind, name)
    suspend(hub, kind, name)

    active = [reach for reach in hub.coordinator.operating.suspensions() if reach.suspension.ended_at is None]
    assert [(reach.suspension.name, reach.suspension.by) for reach in active] == [(name, "key:ann")]
