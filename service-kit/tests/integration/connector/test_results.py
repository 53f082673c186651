"""Results of what a system had accepted, however they come."""

from typing import Any

import pytest

from service_kit.connector.events import Page, Poller
from service_kit.connector.inbox import Inbox
from service_kit.connector.results import Ambiguous, LateResult, Results, Told
from service_kit.messages import Accepted, Completed, Probed, ProbeVerdict, Rejected
from service_kit.testing.waiting import until

DONE = Completed(output={"number": "4711"}, references={"posting": "4711"})


def late(command: Any, outcome: Any = DONE) -> LateResult:
    return LateResult(outcome=outcome, reference=f"A-{command.hub_key}")


def test_a_result_is_told_once_however_often_it_comes(hub: Any) -> None:
    # given
    connector = hub.connector()
    command = hub.command("books.order")
    assert hub.ask(command) == Accepted(reference=f"A-{command.hub_key}")

    # when
    became = [connector.results.tell("books", late(command)) for _ in range(2)]

    # then
    assert became == [Told.RECORDED, Told.SAME]
    reply = hub.next_reply()
    assert (reply.id, reply.command, reply.step, reply.outcome) == (
        f"{command.id}:late",
        command.id,
        command.step,
        DONE,
    )
    assert hub.told() == {}

    # when it is said once more, for the broker may have lost it
    assert connector.results.tell("books", late(command)) is Told.SAME

    # then: the same reply
    assert hub.told() == {reply.id: DONE}


def test_a_result_may_be_told_by_the_hub_key_and_may_be_a_refusal(hub: Any) -> None:
    # given
    connector = hub.connector()
    command = hub.command("books.order")
    hub.ask(command)

    # when
    refused = Rejected(code="CREDIT_BLOCKED", message="no")
    connector.results.tell("books", LateResult(outcome=refused, hub_key=command.hub_key))

    # then
    assert hub.next_outcome() == refused


def test_the_first_result_counts(hub: Any) -> None:
    connector = hub.connector()
    command = hub.command("books.order")
    hub.ask(command)
    connector.results.tell("books", late(command))

    assert connector.results.tell("books", late(command, Rejected(code="NO"))) is Told.ANOTHER
    assert hub.told() == {f"{command.id}:late": DONE}


def test_a_result_that_comes_before_its_acceptance_is_kept_for_it(hub: Any) -> None:
    # given: the system is quicker than its own answer
    connector = hub.connector()
    command = hub.command("books.order")
    hub.books.before = lambda call: connector.results.tell("books", late(command))

    # when
    hub.send(command)

    # then
    assert hub.told() == {f"{command.id}:r": Accepted(reference=f"A-{command.hub_key}"), f"{command.id}:late": DONE}


def test_a_result_of_another_system_is_not_taken_for_it(hub: Any) -> None:
    connector = hub.connector()
    command = hub.command("books.order")
    hub.ask(command)

    assert connector.results.tell("other", late(command)) is Told.EARLY
    assert hub.told() == {}


def test_of_two_that_were_accepted_under_one_reference_nobody_guesses(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(hub.books, "order", lambda call: Accepted(reference="the same"))
    connector = hub.connector()
    for _ in range(2):
        hub.ask(hub.command("books.order"))

    # when / then
    with pytest.raises(Ambiguous):
        connector.results.tell("books", LateResult(outcome=DONE, reference="the same"))


def test_a_result_without_any_name_is_refused(hub: Any) -> None:
    with pytest.raises(ValueError, match="reference or a hub key"):
        hub.connector().results.tell("books", LateResult(outcome=DONE))


def test_a_result_that_is_recorded_while_no_worker_lives_is_told_by_the_next_one(hub: Any) -> None:
    # given
    first = hub.connector()
    command = hub.command("books.order")
    hub.ask(command)
    first.stop()

    # when
    Results(Inbox(hub.engine, "books:door")).tell("books", late(command))
    hub.connector()

    # then
    assert hub.next_outcome() == DONE


def test_the_system_is_asked_for_a_result_until_it_has_one(hub: Any) -> None:
    # given
    hub.connector()
    command = hub.command("books.order")
    accepted = hub.ask(command)
    until(lambda: len(hub.books.asked_for) >= 2)

    # when
    hub.books.results[accepted.reference] = DONE

    # then
    assert hub.told() == {f"{command.id}:late": DONE}
    call = hub.books.asked_for[0]
    assert (call.previous, call.hub_key, call.input) == (accepted.reference, command.hub_key, None)


def test_a_system_under_maintenance_is_not_asked(hub: Any) -> None:
    # given
    connector = hub.connector()
    hub.ask(hub.command("books.order"))

    # when
    hub.close_books()
    until(lambda: connector.operations.gate("books").reason)
    asked = len(hub.books.asked_for)

    # then
    hub.told()
    assert len(hub.books.asked_for) <= asked + 1


def test_a_poll_that_fails_is_repeated(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    failures = [KeyError("x")]

    def result(call: Any) -> Completed:
        if failures:
            raise failures.pop()
        return DONE

    monkeypatch.setattr(hub.books, "result_order", result)
    hub.connector()

    # when
    hub.ask(hub.command("books.order"))

    # then
    assert hub.next_outcome() == DONE


def test_a_command_that_comes_again_after_its_result_is_answered_as_before(hub: Any) -> None:
    # given
    connector = hub.connector()
    command = hub.command("books.order")
    accepted = hub.ask(command)
    connector.results.tell("books", late(command))
    hub.next_reply()

    # when / then
    assert hub.ask(command) == accepted
    assert hub.books.posted == [command.hub_key]


def test_a_probe_knows_the_result(hub: Any) -> None:
    # given
    connector = hub.connector()
    done, refused = hub.command("books.order"), hub.command("books.order")
    for command, outcome in ((done, DONE), (refused, Rejected(code="NO"))):
        hub.ask(command)
        connector.results.tell("books", late(command, outcome))
        hub.next_reply()

    # when / then
    found = Probed(verdict=ProbeVerdict.APPLIED, output=DONE.output, references=DONE.references)
    assert hub.ask(hub.probe(done)) == found
    assert hub.ask(hub.probe(refused)) == Probed(verdict=ProbeVerdict.ABSENT)


def test_an_event_source_tells_results(hub: Any) -> None:
    # given
    connector = hub.connector()
    command = hub.command("books.order")
    hub.ask(command)

    class Source:
        def events(self, watermark: str | None) -> Page:
            return Page([], "1", results=[LateResult(outcome=DONE), late(command)])

    # when
    poller = Poller("books/books", Source(), hub.engine, hub.broker, lambda it: connector.results.tell("books", it))
    poller.poll()
    poller.poll()

    # then: one that nobody can use does not hold the others up
    assert hub.told() == {f"{command.id}:late": DONE}


def test_what_waited_for_its_system_may_be_accepted_and_have_its_result_later(hub: Any) -> None:
    # given
    hub.close_books()
    connector = hub.connector()
    command = hub.command("books.order")
    hub.ask(command)

    # when
    hub.configure()
    accepted = hub.next_reply()
    connector.results.tell("books", late(command))

    # then
    assert (accepted.id, accepted.outcome) == (f"{command.id}:r", Accepted(reference=f"A-{command.hub_key}"))
    assert hub.told() == {f"{command.id}:late": DONE}
