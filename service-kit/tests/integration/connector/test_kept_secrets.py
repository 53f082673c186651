"""Secrets do not lie in plain in what a connector keeps, and what it keeps is not for ever."""

import base64
import time
from typing import Any

import pytest
from sqlalchemy import update

from service_kit.catalogue import Catalogue, Effect, Operation
from service_kit.connector.inbox import Finished, Inbox, Starting
from service_kit.connector.models import inbox
from service_kit.connector.results import LateResult
from service_kit.connector.safe import SecretsKeyMissing
from service_kit.database import writing
from service_kit.messages import Completed, Deferred, Probed, ProbeVerdict, Unknown
from service_kit.testing.waiting import until

SECRET = {"type": "object", "properties": {"pin": {"type": "string", "x-secret": True}, "qty": {"type": "integer"}}}
CATALOGUE = Catalogue(
    [
        Operation("books.post", "books", Effect.CREATE, probe=True, input_schema=SECRET, output_schema=SECRET),
        Operation("books.order", "books", Effect.CREATE, probe=True, output_schema=SECRET),
    ]
)
PIN = "hunter2-hunter2"
DAY = 86_400_000


def a_key(letter: bytes) -> str:
    return base64.b64encode(letter * 32).decode()


@pytest.fixture
def safe_hub(hub: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    hub.catalogue, hub.secrets_key = CATALOGUE, a_key(b"k")
    monkeypatch.setattr(hub.books, "post", lambda call: posted(hub, call))
    return hub


def posted(hub: Any, call: Any) -> Completed:
    hub.books.posted.append(call.hub_key)
    return Completed(output={"pin": call.input["pin"], "qty": len(hub.books.posted)})


def test_a_secret_output_is_sealed_and_a_command_that_comes_again_gets_it_all_the_same(safe_hub: Any) -> None:
    # given
    safe_hub.connector()
    command = safe_hub.command(input={"pin": PIN})
    first = safe_hub.ask(command)

    # when / then
    assert safe_hub.ask(command) == first == Completed(output={"pin": PIN, "qty": 1})
    assert safe_hub.ask(safe_hub.probe(command)) == Probed(verdict=ProbeVerdict.APPLIED, output=first.output)
    assert PIN not in safe_hub.stored()
    assert '"qty":1' in safe_hub.stored()


def test_a_secret_input_is_sealed_while_its_command_waits(safe_hub: Any) -> None:
    # given
    safe_hub.close_books()
    safe_hub.connector()

    # when
    told = safe_hub.ask(safe_hub.command(input={"pin": PIN}))

    # then
    assert isinstance(told, Deferred)
    assert PIN not in safe_hub.stored()
    safe_hub.configure()
    assert safe_hub.next_outcome().output["pin"] == PIN


@pytest.mark.parametrize("early", [True, False])
def test_a_secret_result_is_sealed(safe_hub: Any, early: bool) -> None:
    # given
    connector = safe_hub.connector()
    command = safe_hub.command("books.order")
    result = LateResult(outcome=Completed(output={"pin": PIN}), hub_key=command.hub_key)

    # when
    if early:
        connector.results.tell("books", result)
        assert PIN not in safe_hub.stored()
    safe_hub.ask(command)
    connector.results.tell("books", result)

    # then
    assert safe_hub.next_outcome() == result.outcome
    assert PIN not in safe_hub.stored()


def test_a_key_can_be_changed_while_the_older_one_can_be_read(safe_hub: Any) -> None:
    # given
    first = safe_hub.connector()
    command = safe_hub.command(input={"pin": PIN})
    outcome = safe_hub.ask(command)
    first.stop()

    # when
    safe_hub.secrets_key, safe_hub.also = a_key(b"x"), f"{a_key(b'z')},{safe_hub.secrets_key}"
    safe_hub.connector()

    # then
    assert safe_hub.ask(command) == outcome


def test_what_was_sealed_with_another_key_is_asked_of_the_system(safe_hub: Any) -> None:
    # given
    safe_hub.connector().stop()
    first = safe_hub.connector()
    command = safe_hub.command(input={"pin": PIN})
    safe_hub.ask(command)
    first.stop()

    # when
    safe_hub.secrets_key = a_key(b"x")
    safe_hub.connector()

    # then
    assert isinstance(safe_hub.ask(command), Unknown)
    assert safe_hub.probe_until_known(command).output == {"found": 1}
    assert safe_hub.books.posted == [command.hub_key]


def test_a_waiting_command_that_cannot_be_read_was_certainly_not_applied(safe_hub: Any) -> None:
    # given
    safe_hub.close_books()
    first = safe_hub.connector()
    safe_hub.ask(safe_hub.command(input={"pin": PIN}))
    first.stop()

    # when
    safe_hub.secrets_key = a_key(b"x")
    safe_hub.configure()
    safe_hub.connector()

    # then
    assert "sealed with a key" in safe_hub.next_outcome().reason
    assert safe_hub.books.posted == []


def test_a_connector_with_secrets_and_without_a_key_does_not_begin(hub: Any) -> None:
    hub.catalogue = CATALOGUE

    with pytest.raises(SecretsKeyMissing, match=r"SECRETS_KEY is not set, and books\.order, books\.post"):
        hub.connector()


def test_what_is_over_is_purged_and_what_is_open_never_is(hub: Any) -> None:
    # given: everything is long ago
    connector = hub.connector()
    over, accepted, resulted = hub.command(), hub.command("books.order"), hub.command("books.order")
    for command in (over, accepted, resulted):
        hub.ask(command)
    connector.results.tell("books", LateResult(outcome=Completed(), hub_key=resulted.hub_key))
    hub.next_reply()
    until(lambda: "told" in hub.stored())
    sealed = hub.command()
    hub.ask(hub.probe(sealed))
    box = Inbox(hub.engine, "books:dead")
    box.exchange([], [Starting("started", "books.post", "K")])
    with writing(hub.engine) as connection:
        for column in ("started_at", "finished_at", "sealed_at"):
            known = update(inbox).where(inbox.c[column].is_not(None))
            connection.execute(known.values({column: 1_000}))

    # when
    purged = [box.purge(round(time.time() * 1000) - DAY, limit=2) for _ in range(3)]

    # then
    assert purged == [2, 1, 0]
    rows = box.look([command.id for command in (over, accepted, resulted, sealed)] + ["started"])
    assert set(rows) == {accepted.id, "started"}
    assert resulted.id not in hub.stored()


def test_what_was_finished_lately_is_kept(hub: Any) -> None:
    box = Inbox(hub.engine, "books:me")
    box.exchange([], [Starting("a", "books.post", "K")])
    box.exchange([Finished("a", Completed())], [])

    assert box.purge(round(time.time() * 1000) - DAY) == 0
    assert box.purge(round(time.time() * 1000) + DAY) == 1
