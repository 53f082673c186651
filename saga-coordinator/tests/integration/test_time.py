"""Timers, schedules and the sweep."""

import time
from typing import Any

import pytest
from sqlalchemy import func, select, update

from saga_coordinator.bpmn import Refused
from saga_coordinator.engine.process import Process
from saga_coordinator.models import schedules, timers
from service_kit.broker import Outgoing
from service_kit.database import reading, writing
from service_kit.messages import (
    REPLY,
    Command,
    CommandKind,
    Completed,
    Deferred,
    Outcome,
    Probed,
    ProbeVerdict,
    Reply,
    event,
)


def timers_left(hub: Any) -> int:
    with reading(hub.store) as connection:
        return int(connection.scalar(select(func.count()).select_from(timers)) or 0)


def make_due(hub: Any) -> None:
    with writing(hub.store) as connection:
        connection.execute(update(timers).values(wake_at=0))


def test_a_timer_fires_when_it_is_due_and_its_row_goes_with_it(hub: Any) -> None:
    # given
    hub.deploy("waits-a-second")
    request = hub.start("waits-a-second")
    hub.drive(lambda: timers_left(hub) == 1)

    # when
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert timers_left(hub) == 0
    first, second = hub.service.journal(request.instance)
    assert second.at - first.at >= 1000
    assert second.input_id.startswith(f"t:{request.instance}:")


def test_a_timer_that_is_published_twice_fires_once(hub: Any) -> None:
    # given
    hub.deploy("waits-a-second")
    request = hub.start("waits-a-second")
    hub.drive(lambda: timers_left(hub) == 1)

    # when two coordinators, and the same one later, find it due
    other = hub.new_coordinator()
    for coordinator in (hub.coordinator, other):
        make_due(hub)
        assert coordinator.timekeeper.publish_due() == 1
    assert other.timekeeper.publish_due() == 0
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    hub.turn(timeout=0.3)
    assert len(hub.input_ids(request.instance)) == 2


def test_a_schedule_starts_one_instance_per_time_whoever_looks(hub: Any) -> None:
    # given
    hub.deploy("every-hour")
    other = hub.new_coordinator()

    # when
    for coordinator in (hub.coordinator, other):
        with writing(hub.store) as connection:
            connection.execute(update(schedules).values(due=1_767_225_600_000))
        coordinator.timekeeper.publish_due()
        assert coordinator.timekeeper.publish_due() == 0
    hub.drive(lambda: [row.status for row in hub.service.search(process="every-hour")] == ["completed"])

    # then
    hub.turn(timeout=0.3)
    assert len(hub.started()) == 1
    with reading(hub.store) as connection:
        assert connection.scalar(select(schedules.c.due)) > hub.coordinator.clock.now()


def test_a_command_that_the_broker_lost_is_published_again_to_be_verified(hub: Any) -> None:
    # given a command that never reached its connector
    hub.deploy("create-two")
    request = hub.start("create-two")
    hub.decide(hub.coordinator, [hub.item(request)])
    sweeper = hub.new_coordinator(sweep_after=0.001)

    # when
    hub.until(lambda: sweeper.sweep.sweep_page())
    hub.until(lambda: hub.connector.step())

    # then
    (command,) = hub.connector.commands
    assert command.verify
    assert command.instance == request.instance


def test_a_command_without_a_reply_past_its_time_is_asked_about(hub: Any) -> None:
    # given a connector that loses the reply to the first execution
    def forgetful(command: Command) -> Outcome | None:
        if command.kind is CommandKind.PROBE:
            return Probed(verdict=ProbeVerdict.APPLIED, output={"number": "1"})
        return None if command.step == 3 else Completed(output={})

    hub.connector.answer = forgetful
    hub.deploy("impatient")
    request = hub.start("impatient")
    hub.drive(lambda: hub.connector.commands)
    sweeper = hub.new_coordinator(nudge_grace=0.001, sweep_after=1000.0)

    # when
    hub.drive(lambda: sweeper.sweep.sweep_page() + 1 and hub.status(request.instance) == "completed")

    # then
    assert [command.kind for command in hub.connector.commands] == ["execute", "probe"]


def test_a_command_that_its_connector_keeps_for_later_is_neither_sent_again_nor_asked_about(hub: Any) -> None:
    # given a connector whose system is under maintenance for an hour
    until = round(time.time() * 1000) + 3_600_000
    hub.connector.answer = lambda command: Completed(output={}) if command.step != 3 else Deferred(until=until)
    hub.deploy("impatient")
    request = hub.start("impatient")
    hub.drive(lambda: any(step.sent.at == until for step in hub.replayed(request.instance).steps.values()))
    sweeper = hub.new_coordinator(nudge_grace=0.001, sweep_after=0.001)

    # when
    published = [sweeper.sweep.sweep_page() for _ in range(3)]

    # then
    assert published == [0, 0, 0]
    assert hub.status(request.instance) == "running"

    # when
    (command,) = hub.connector.commands
    reply = Reply(
        id=f"{command.id}:later",
        command=command.id,
        instance=command.instance,
        step=command.step,
        attempt=command.attempt,
        outcome=Completed(),
    )
    hub.broker.publish([Outgoing(command.reply_to, event(REPLY, "test", reply, id_=reply.id))])

    # then
    hub.drive(lambda: hub.status(request.instance) == "completed")


def test_the_sweep_looks_at_every_page_and_begins_again(hub: Any) -> None:
    # given
    hub.deploy("create-two")
    requests = [hub.new_start("create-two") for _ in range(5)]
    hub.decide(hub.coordinator, [hub.item(request) for request in requests])
    sweeper = hub.new_coordinator(sweep_after=0.001, sweep_page=2)

    # when
    hub.until(lambda: sum(sweeper.sweep.sweep_page() for _ in range(3)) >= 1)
    hub.until(lambda: sum(sweeper.sweep.sweep_page() for _ in range(3)) >= 1)
    hub.until(lambda: hub.connector.step() + 1 and len(hub.connector.done) == 5)

    # then
    assert {command.instance for command in hub.connector.commands} == {r.instance for r in requests}


def test_cron_starts_one_instance_per_time_and_goes_on(hub: Any) -> None:
    # given
    hub.deploy("every-morning")
    with reading(hub.store) as connection:
        first = connection.scalar(select(schedules.c.due)) or 0
    with writing(hub.store) as connection:
        connection.execute(update(schedules).values(due=1_767_225_600_000))

    # when
    for coordinator in (hub.coordinator, hub.new_coordinator()):
        coordinator.timekeeper.publish_due()
    hub.drive(lambda: [row.status for row in hub.service.search(process="every-morning")] == ["completed"])

    # then
    with reading(hub.store) as connection:
        assert connection.scalar(select(schedules.c.due)) == first
    assert first % 86_400_000 == 0  # 08:00 in Shanghai is midnight in UTC


def test_a_schedule_that_cannot_go_on_does_not_stop_the_others(hub: Any) -> None:
    # given two that are due, of which one cannot be read any more
    hub.deploy("every-morning", "every-hour")
    with writing(hub.store) as connection:
        connection.execute(update(schedules).values(due=1_767_225_600_000))

    def parse(xml: bytes, process_id: str, decisions: Any = None) -> Process:
        if process_id == "every-morning":
            raise LookupError("the calendar is not there any more")
        return hub.parse(xml, process_id, decisions)  # type: ignore[no-any-return]

    # when
    able, hub.coordinator = hub.coordinator, hub.new_coordinator(parse=parse)
    hub.drive(lambda: [row.status for row in hub.service.search(process="every-hour")] == ["completed"])

    # then it is still due, and starts when somebody can read it
    assert hub.service.search(process="every-morning") == []
    hub.coordinator = able
    hub.drive(lambda: [row.status for row in hub.service.search(process="every-morning")] == ["completed"])


def test_a_start_by_a_time_that_no_variable_can_give_is_refused_and_nothing_is_stored(hub: Any) -> None:
    diagram = (hub.processes / "every-morning.bpmn").read_bytes().replace(b"0 8 * * *", b"=rhythm")

    for attempt in (hub.service.check, hub.service.deploy):
        with pytest.raises(Refused, match=r"start: =rhythm: .*bad-timer"):
            attempt(diagram, "every-morning")

    assert hub.service.processes() == []
