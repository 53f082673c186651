"""Commands that cannot go now: kept, told, and carried out once when their time has come."""

import time
from typing import Any

import msgspec
import pytest

from service_kit.connector.breaker import FAILURES, LEFT_ALONE
from service_kit.connector.call import Call
from service_kit.connector.outcomes import NotApplied
from service_kit.messages import Completed, Deferred, Probed, ProbeVerdict, Rejected, Unavailable
from service_kit.testing.waiting import until


def test_a_command_waits_for_the_end_of_maintenance_and_the_hub_knows_until_when(hub: Any) -> None:
    # given
    end = hub.close_books()
    hub.connector()
    command = hub.command()

    # when
    hub.send(command)

    # then: it is taken off the broker, and its sender knows
    reply = hub.next_reply()
    assert (reply.id, reply.outcome) == (f"{command.id}:d{end}", Deferred(until=end, reason="maintenance of books"))
    until(hub.all_answered)
    assert hub.books.posted == []

    # when the window is over, which nobody restarts anything for
    hub.configure()

    # then
    done = hub.next_reply()
    assert (done.id, done.outcome.output) == (f"{command.id}:r", {"number": "1"})
    assert hub.books.posted == [command.hub_key]
    until(lambda: "waiting" not in hub.stored() and "started'" not in hub.stored())


def test_commands_go_in_the_order_in_which_they_came(hub: Any) -> None:
    # given
    hub.close_books(concurrency=1)
    hub.connector()
    commands = [hub.command() for _ in range(300)]
    hub.send(*commands)
    until(hub.all_answered)

    # when
    hub.configure(concurrency=1)

    # then
    until(lambda: len(hub.books.posted) == 300)
    assert hub.books.posted == [command.hub_key for command in commands]


def test_a_command_that_comes_again_while_it_waits_is_one(hub: Any) -> None:
    # given
    end = hub.close_books()
    hub.connector()
    command = hub.command()

    # when
    hub.send(command)
    first = hub.next_reply()
    hub.send(command, command)
    hub.send(msgspec.structs.replace(command, verify=True))
    again = hub.told()
    hub.configure()

    # then
    assert set(again) <= {first.id} == {f"{command.id}:d{end}"}
    assert isinstance(hub.next_outcome(), Completed)
    assert hub.ask(command) == Completed(output={"number": "1"}, references={"posting": "1"})
    assert hub.books.posted == [command.hub_key]


def test_another_system_is_not_held_up(hub: Any) -> None:
    hub.close_books()
    hub.connector()

    assert isinstance(hub.ask(hub.command(system="other")), Completed)


def test_a_probe_takes_a_waiting_command_out_of_the_line_and_knows_that_it_was_not_sent(hub: Any) -> None:
    # given
    hub.close_books()
    hub.connector()
    command = hub.command()
    hub.ask(command)

    # when
    verdicts = [hub.ask(hub.probe(command, number)) for number in (1, 2)]

    # then: even while the system cannot be asked
    assert verdicts == [Probed(verdict=ProbeVerdict.ABSENT)] * 2
    hub.configure()
    assert hub.ask(hub.command(system="other"))
    assert hub.ask(command) == Unavailable(reason="sealed")
    assert hub.books.posted == [hub.books.calls[0].hub_key] != [command.hub_key]


def test_a_waiting_command_that_may_have_been_carried_out_before_is_not_called_absent(hub: Any) -> None:
    # given
    hub.close_books()
    connector = hub.connector()
    command = hub.command(verify=True)
    hub.books.posted.append(command.hub_key)
    hub.ask(command)

    # when / then
    assert isinstance(hub.ask(hub.probe(command)), Unavailable)
    hub.configure()
    until(lambda: not connector.operations.gate("books").reason)
    assert hub.probe_until_known(command) == Probed(verdict=ProbeVerdict.APPLIED, output={"found": 1})


def test_reads_wait_as_well(hub: Any) -> None:
    # given
    hub.close_books()
    hub.connector()

    # when
    told = hub.ask(hub.command("books.read"))
    hub.configure()

    # then
    assert isinstance(told, Deferred)
    assert hub.next_outcome() == Completed(output=0)


def test_what_is_wrong_is_said_when_its_time_has_come(hub: Any) -> None:
    hub.close_books()
    hub.connector()
    hub.ask(hub.command(input={"qty": 0}))

    hub.configure()

    assert hub.next_outcome().code == "INVALID_INPUT"


def test_waiting_commands_of_a_system_that_is_gone_are_rejected(hub: Any) -> None:
    # given
    hub.close_books()
    hub.connector()
    hub.ask(hub.command())

    # when
    hub.configure(connector="another")

    # then
    assert isinstance(hub.next_outcome(), Rejected)


def test_two_processes_carry_out_what_waits_once_each(hub: Any) -> None:
    # given
    hub.close_books()
    hub.connector()
    hub.connector(alone=False)
    commands = [hub.command() for _ in range(400)]
    hub.send(*commands)
    until(hub.all_answered)

    # when
    hub.configure(concurrency=4)

    # then
    outcomes = hub.told()
    assert sum(isinstance(outcome, Completed) for outcome in outcomes.values()) == 400
    assert sorted(hub.books.posted) == sorted(command.hub_key for command in commands)


def test_what_was_about_to_be_sent_when_maintenance_begins_goes_back_to_the_line(hub: Any, gate: Any) -> None:
    # given: one command at work, others marked as started behind it
    hub.configure(concurrency=1)
    hub.books.before = gate
    hub.connector()
    commands = [hub.command() for _ in range(3)]
    hub.send(*commands)
    assert gate.reached.wait(10)
    until(lambda: hub.stored().count("books.post") == 3)

    # when
    hub.close_books()
    until(lambda: not hub.broker.depth("commands.books"))
    assert isinstance(hub.ask(hub.command()), Deferred)  # it knows of the window
    gate.open()

    # then
    told = hub.told()
    assert [type(told.get(f"{command.id}:r")) for command in commands] == [Completed, type(None), type(None)]
    assert hub.books.posted == [commands[0].hub_key]

    # when
    hub.configure(concurrency=1)

    # then
    until(lambda: len(hub.books.posted) == 4)
    assert len(set(hub.books.posted)) == 4


def test_all_processes_keep_one_pace_and_nothing_is_refused(hub: Any) -> None:
    # given
    hub.configure(rate=20, concurrency=4)
    hub.connector()
    hub.connector(alone=False)
    times: list[float] = []
    hub.books.before = lambda call: times.append(time.monotonic())

    # when
    commands = [hub.command() for _ in range(40)]
    hub.send(*commands)
    until(lambda: len(times) == 40)

    # then: no second has many more calls than it should
    assert max(sum(start <= other < start + 1 for other in times) for start in times) <= 23
    assert times[-1] - times[0] > 1.7
    completed = [reply for reply, outcome in hub.told().items() if isinstance(outcome, Completed)]
    assert sorted(completed) == sorted(f"{command.id}:r" for command in commands)


def test_who_waits_long_for_a_turn_is_told_so(hub: Any) -> None:
    # given
    hub.configure(rate=0.5)
    hub.connector()

    # when
    hub.send(*(hub.command() for _ in range(5)))

    # then
    told = [outcome for outcome in (hub.next_outcome() for _ in range(5)) if isinstance(outcome, Deferred)]
    assert len(told) >= 3
    assert told[0].until > time.time() * 1000


def test_a_probe_keeps_the_pace_too(hub: Any) -> None:
    # given
    hub.configure(rate=0.01)
    hub.connector()
    hub.send(hub.command())
    hub.next_reply()

    # when
    outcome = hub.ask(hub.probe(hub.command()))

    # then
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after is not None
    assert outcome.retry_after > 50


def test_commands_wait_for_a_system_that_does_not_answer_without_using_up_their_attempts(hub: Any) -> None:
    # given
    away = [True]
    hub.configure(concurrency=1)

    def before(call: Call) -> None:
        if away:
            raise NotApplied("no connection")

    hub.books.before = before
    hub.connector()
    for _ in range(FAILURES):
        assert hub.ask(hub.command()) == Unavailable(reason="no connection")

    # when
    told = hub.ask(hub.command())
    away.clear()

    # then
    assert (type(told), told.reason) == (Deferred, LEFT_ALONE)
    assert isinstance(hub.next_outcome(), Completed)


def test_who_waited_long_enough_for_a_system_that_does_not_answer_is_told_so(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("service_kit.connector.keeper.PATIENCE", 0.5)

    def before(call: Call) -> None:
        raise NotApplied("no connection")

    hub.books.before = before
    hub.connector()
    for _ in range(FAILURES):
        hub.ask(hub.command())

    # when
    told = hub.ask(hub.command())

    # then
    assert isinstance(told, Deferred)
    assert hub.next_outcome().reason in (LEFT_ALONE, "no connection")
