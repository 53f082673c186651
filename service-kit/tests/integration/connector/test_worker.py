"""Each effect once, however commands arrive: on SQLite and on PostgreSQL."""

from typing import Any

import msgspec
import pytest

from service_kit.broker import DEAD_LETTERS, Outgoing
from service_kit.catalogue import Effect, Operation
from service_kit.connector.call import Call
from service_kit.connector.inbox import Inbox, Starting
from service_kit.connector.lease import Lease
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.rules import DIED, MAYBE, Answer, delivered_again
from service_kit.messages import (
    COMMAND,
    CloudEvent,
    Command,
    Completed,
    Outcome,
    Probed,
    ProbeVerdict,
    Rejected,
    Unavailable,
    Unknown,
)
from service_kit.testing.waiting import until

POST = Operation("books.post", "books", Effect.CREATE, probe=True, settle=0.3)


def test_a_command_is_carried_out_and_answered(hub: Any) -> None:
    # given
    hub.connector()

    # when
    outcome = hub.ask(hub.command())

    # then
    assert outcome == Completed(output={"number": "1"}, references={"posting": "1"})
    assert hub.broker.depth("commands.books") == 0


def test_the_call_carries_what_the_adapter_needs(hub: Any) -> None:
    # given
    hub.connector()
    command = hub.command(business_key="SO-1")

    # when
    hub.ask(command)

    # then
    (call,) = hub.books.calls
    assert (call.hub_key, call.timeout, call.command, call.business_key) == (command.hub_key, 7, command.id, "SO-1")


def test_a_redelivered_command_gets_the_same_reply_and_has_no_second_effect(hub: Any) -> None:
    # given
    hub.connector()
    command = hub.command()
    first = hub.ask(command)

    # when
    again = hub.ask(command)

    # then
    assert again == first
    assert hub.books.posted == [command.hub_key]


def test_a_command_that_comes_again_while_it_is_carried_out_has_one_effect(hub: Any, gate: Any) -> None:
    # given
    hub.books.before = gate
    connector = hub.connector()
    command = hub.command()
    hub.send(command)
    assert gate.reached.wait(10)

    # when
    hub.send(command, command)
    until(lambda: hub.broker.depth("commands.books") == 0)
    gate.open()

    # then
    assert isinstance(hub.next_reply().outcome, Completed)
    until(lambda: connector.in_flight == 0)
    assert hub.books.posted == [command.hub_key]


def test_two_processes_carry_the_same_command_out_once(hub: Any, gate: Any) -> None:
    # given
    hub.books.before = gate
    first = hub.connector()
    command = hub.command()
    hub.send(command)
    assert gate.reached.wait(10)
    second = hub.connector(alone=False)

    # when: both know the command now, whichever of them takes this delivery
    for _ in range(4):
        hub.send(command)
    until(lambda: hub.broker.depth("commands.books") == 0)
    gate.open()

    # then
    until(lambda: first.in_flight == second.in_flight == 0)
    assert hub.books.posted == [command.hub_key]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (
            Refused("CREDIT_BLOCKED", "no credit", {"limit": "5"}),
            Rejected("CREDIT_BLOCKED", "no credit", {"limit": "5"}),
        ),
        (NotApplied("no connection", 3), Unavailable("no connection", 3)),
        (Uncertain("timeout after sending"), Unknown("timeout after sending")),
        (KeyError("secret"), Unknown("KeyError in the adapter")),
    ],
)
def test_what_an_adapter_raises_becomes_an_outcome(hub: Any, error: Exception, outcome: Outcome) -> None:
    # given
    hub.books.before = raising(error)
    hub.connector()

    # when / then
    assert hub.ask(hub.command()) == outcome


@pytest.mark.parametrize("error", [Uncertain("timeout after sending"), KeyError("x")])
def test_a_read_that_fails_is_unavailable(hub: Any, error: Exception) -> None:
    hub.books.before = raising(error)
    hub.connector()

    assert isinstance(hub.ask(hub.command("books.read")), Unavailable)


def test_what_is_not_known_is_rejected_by_a_clear_code(hub: Any) -> None:
    hub.connector()

    assert hub.ask(hub.command("books.burn")).code == "UNKNOWN_OPERATION"
    assert hub.ask(hub.command(system="nowhere")).code == "UNKNOWN_SYSTEM"


def test_an_invalid_input_is_rejected_and_names_the_field(hub: Any) -> None:
    # given
    hub.connector()

    # when
    outcome = hub.ask(hub.command(input={"qty": 0}))

    # then
    assert (outcome.code, outcome.details) == ("INVALID_INPUT", {"field": "qty"})
    assert hub.books.posted == []


def test_undecodable_commands_are_dead_lettered_and_cost_the_others_nothing(hub: Any) -> None:
    # given
    hub.connector()
    bad = [
        CloudEvent(id="1", source="t", type=COMMAND, data=msgspec.Raw(b'{"id": 5}')),
        CloudEvent(id="2", source="t", type="something.else", data=msgspec.Raw(b"{}")),
    ]

    # when
    hub.broker.publish([Outgoing("commands.books", item) for item in bad])
    outcome = hub.ask(hub.command())

    # then
    assert isinstance(outcome, Completed)
    assert hub.broker.depth(DEAD_LETTERS) == 2


def test_a_command_whose_reply_has_nowhere_to_go_costs_the_others_nothing(hub: Any) -> None:
    # given
    hub.connector()

    # when
    hub.send(hub.command(reply_to="no-such-lane"), hub.command())

    # then
    assert isinstance(hub.next_reply().outcome, Completed)
    until(lambda: hub.broker.depth(DEAD_LETTERS) == 1)


def test_a_slow_system_does_not_hold_up_another(hub: Any, gate: Any) -> None:
    # given
    hub.books.before = lambda call: gate(call) if call.system.name == "books" else None
    hub.connector()
    hub.send(*(hub.command() for _ in range(20)))
    assert gate.reached.wait(10)

    # when
    outcome = hub.ask(hub.command(system="other"))

    # then
    assert isinstance(outcome, Completed)
    gate.open()
    assert [hub.next_reply().step for _ in range(20)]


def test_a_reply_goes_on_with_the_trace(hub: Any) -> None:
    hub.connector()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    hub.send(hub.command(), traceparent=trace)

    assert hub.next_delivery().event.traceparent == trace


def test_the_reply_is_sent_when_the_broker_is_back(hub: Any, gate: Any) -> None:
    # given
    hub.books.before = gate
    hub.connector()
    hub.send(hub.command())
    assert gate.reached.wait(10)

    # when
    hub.broker.away = True
    gate.open()
    until(lambda: hub.books.posted)
    hub.broker.away = False

    # then
    assert isinstance(hub.next_reply().outcome, Completed)
    assert len(hub.books.posted) == 1


def test_a_probe_of_something_never_sent_seals_it_and_finds_it_absent(hub: Any) -> None:
    # given
    hub.connector()
    command = hub.command()

    # when
    verdict = hub.probe_until_known(command).verdict

    # then
    assert verdict is ProbeVerdict.ABSENT
    assert hub.ask(command) == Unavailable(reason="sealed")
    assert hub.books.posted == []


def test_a_probe_finds_what_was_applied_although_the_answer_was_lost(hub: Any) -> None:
    # given
    hub.books.after = raising(Uncertain("connection reset"))
    hub.connector()
    command = hub.command()
    assert hub.ask(command) == Unknown(reason="connection reset")

    # when
    found = hub.probe_until_known(command)

    # then
    assert found == Probed(verdict=ProbeVerdict.APPLIED, output={"found": 1})


def test_a_probe_waits_out_the_settle_time_before_it_says_absent(hub: Any) -> None:
    # given
    hub.books.before = raising(Uncertain("timeout after sending"))
    hub.connector()
    command = hub.command()
    hub.ask(command)

    # when
    first = hub.ask(hub.probe(command, 0))
    last = hub.probe_until_known(command)

    # then
    assert first == Probed(verdict=ProbeVerdict.PENDING)
    assert last == Probed(verdict=ProbeVerdict.ABSENT)


def test_a_probe_of_what_is_being_carried_out_says_pending(hub: Any, gate: Any) -> None:
    # given
    hub.books.before = gate
    hub.connector()
    command = hub.command()
    hub.send(command)
    assert gate.reached.wait(10)

    # when
    outcome = hub.ask(hub.probe(command))
    gate.open()

    # then
    assert outcome == Probed(verdict=ProbeVerdict.PENDING)
    assert isinstance(hub.next_reply().outcome, Completed)
    assert hub.probe_until_known(command).verdict is ProbeVerdict.APPLIED


def test_a_probe_that_finds_several_documents_says_so(hub: Any) -> None:
    # given
    hub.books.after = raising(Uncertain("connection reset"))
    hub.connector()
    command = hub.command()
    hub.ask(command)
    hub.books.posted.append(command.hub_key)

    # when / then
    assert hub.probe_until_known(command) == Probed(verdict=ProbeVerdict.SEVERAL, documents=["1", "2"])


def test_a_probe_that_cannot_ask_is_unavailable(hub: Any) -> None:
    # given
    hub.connector()
    command = hub.command(system="nowhere")

    # when / then
    assert isinstance(hub.ask(hub.probe(command)), Unavailable)


def test_a_command_that_may_have_been_carried_out_is_looked_for(hub: Any) -> None:
    # given
    hub.connector()
    command = hub.command(verify=True)
    hub.books.posted.append(command.hub_key)

    # when / then
    assert hub.ask(command) == Completed(output={"found": 1})
    assert hub.books.posted == [command.hub_key]


def test_a_command_that_may_have_been_carried_out_and_is_not_found_yet_is_unknown_until_it_has_settled(
    hub: Any,
) -> None:
    # given
    hub.connector()
    command = hub.command(verify=True)

    # when
    outcome = hub.ask(command)

    # then
    assert outcome == Unknown(reason=MAYBE)
    assert hub.ask(hub.probe(command, 0)) == Probed(verdict=ProbeVerdict.PENDING)
    assert hub.probe_until_known(command) == Probed(verdict=ProbeVerdict.ABSENT)
    assert hub.books.posted == []


def test_a_command_that_may_have_been_carried_out_and_cannot_be_looked_for_is_unknown(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(hub.books, "probe_post", raising(NotApplied("connection refused")))
    hub.connector()

    # when / then
    assert hub.ask(hub.command(verify=True)) == Unknown(reason=MAYBE)
    assert hub.books.posted == []


def test_an_adapter_may_return_what_it_could_raise(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    returned: list[Outcome] = [Rejected(code="CREDIT_BLOCKED"), Unavailable(reason="away"), Unknown(reason="timeout")]
    answers = iter(returned)
    monkeypatch.setattr(hub.books, "post", lambda call: next(answers))
    monkeypatch.setattr(hub.books, "read", lambda call: Unknown(reason="timeout"))
    hub.connector()

    # when / then
    assert [hub.ask(hub.command()) for _ in returned] == returned
    assert hub.ask(hub.command("books.read")) == Unavailable(reason="timeout")


def test_a_start_whose_commit_was_ambiguous_and_that_was_sealed_since_is_left_to_the_probe(hub: Any) -> None:
    # given
    inbox = alive(hub)
    starting = Starting("i.1.1", "books.post", "KEY")
    inbox.exchange([], [starting])
    inbox.seal([starting])

    # when
    exchanged = inbox.exchange([], [starting])

    # then
    answer = delivered_again(exchanged.known["i.1.1"], POST)
    assert (exchanged.started, answer) == (frozenset(), Answer(Unknown(reason=DIED), record=True))


def test_a_take_over_whose_commit_was_ambiguous_can_be_repeated(hub: Any) -> None:
    # given
    command = hub.command("books.cancel")
    start_and_die(hub, command)
    inbox = alive(hub)
    (row,) = inbox.look([command.id]).values()

    # when / then
    assert [inbox.take_over(row), inbox.take_over(row)] == [True, True]
    assert not Inbox(hub.engine, "books:third").take_over(row)


@pytest.mark.parametrize("applied", [True, False])
def test_what_a_dead_process_had_started_is_answered_by_probe(hub: Any, applied: bool) -> None:
    # given
    command = hub.command()
    start_and_die(hub, command)
    if applied:
        hub.books.posted.append(command.hub_key)
    hub.connector()

    # when
    outcome = hub.ask(command)

    # then
    assert outcome == (Completed(output={"found": 1}) if applied else Unknown(reason=outcome.reason))
    assert hub.ask(command) == outcome
    assert len(hub.books.posted) == applied


def test_what_is_found_of_a_command_that_was_sealed_meanwhile_is_left_to_its_probe(hub: Any, gate: Any) -> None:
    # given
    command, later = hub.command(), Completed(output={"number": "1"}, references={"posting": "1"})
    look = hub.books.probe_post
    start_and_die(hub, command)

    def slow_look(call: Call) -> Probed:
        gate(call)
        found: Probed = look(call)
        return found

    hub.books.probe_post = slow_look
    hub.connector()
    hub.send(command)
    assert gate.reached.wait(10)

    # when
    hub.books.probe_post = look
    assert hub.probe_until_known(command).verdict is ProbeVerdict.ABSENT
    assert hub.ask(hub.command(id=f"{command.id}-2", hub_key=command.hub_key)) == later
    gate.open()

    # then
    assert hub.next_reply().outcome == Unknown(reason=DIED)
    assert hub.ask(command) == Unknown(reason=DIED)


def test_what_a_dead_process_had_started_and_cannot_be_probed_is_unknown(hub: Any) -> None:
    # given
    command = hub.command("books.stamp")
    start_and_die(hub, command)
    hub.connector()

    # when / then
    assert isinstance(hub.ask(command), Unknown)
    assert hub.ask(hub.probe(command)) == Probed(verdict=ProbeVerdict.IMPOSSIBLE)
    assert hub.books.posted == []


def test_an_idempotent_command_that_a_dead_process_had_started_is_carried_out_again(hub: Any) -> None:
    # given
    command = hub.command("books.cancel")
    start_and_die(hub, command)
    hub.connector()

    # when / then
    assert hub.ask(command) == Completed()
    assert hub.books.cancelled == [command.hub_key]


def test_thousands_of_commands_are_each_answered_once(hub: Any) -> None:
    # given
    hub.connector()
    commands = [hub.command() for _ in range(2000)]

    # when
    hub.send(*commands, *commands[::7])
    answered: set[str] = set()
    while len(answered) < 2000:
        answered.add(hub.next_reply().command)

    # then
    assert answered == {command.id for command in commands}
    until(hub.all_answered)
    assert sorted(hub.books.posted) == sorted(command.hub_key for command in commands)


def raising(error: Exception) -> Any:
    def raise_it(call: Call) -> None:
        raise error

    return raise_it


def alive(hub: Any) -> Inbox:
    """The inbox of a process that holds its lease."""
    Lease(hub.engine, "books:alive", 30).renew()
    return Inbox(hub.engine, "books:alive")


def start_and_die(hub: Any, command: Command) -> None:
    """What the inbox holds after a process was killed between marking a command as started and its outcome."""
    starting = Starting(command.id, command.operation, command.hub_key)
    Inbox(hub.engine, "books:dead").exchange([], [starting])
