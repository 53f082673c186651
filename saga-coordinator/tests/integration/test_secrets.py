"""What is secret is sealed before it is decided, opened for a command, and shown nowhere."""

import base64
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import SecretsUnreadable, WrongSecretsKey
from saga_coordinator.models import instance_keys, metadata
from saga_coordinator.rewrapping import rewrap
from saga_coordinator.store import keys
from saga_coordinator.vault import Rewrapped
from service_kit.broker import Source
from service_kit.database import reading, writing
from service_kit.messages import Command, Completed, Outcome
from service_kit.sealing import SealBroken, Sealer, is_sealed

IBAN = "DE89370400440532013000"
NEW_IBAN = "DE02120300000000202051"
TOKEN = "token-4711-plain"
PASSWORD = "correct horse battery"
MASTER = base64.b64encode(b"m" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()


def answer(command: Command) -> Outcome | None:
    return Completed(output={"token": TOKEN, "number": "A-1"} if command.operation == "erp.open-account" else {})


def start(hub: Any, **variables: Any) -> i.Start:
    hub.deploy("keeps-secrets")
    hub.connector.answer = answer
    given = {"customer": {"iban": IBAN, "name": "Ada"}, "order": "SO-1", **variables}
    sealed: i.Start = hub.service.sealed(hub.new_start("keeps-secrets", variables=given, idempotency_key="k"))
    return sealed


def begin(hub: Any, *coordinators: Any, **variables: Any) -> str:
    """An instance that waits for somebody to choose a password."""
    request = start(hub, **variables)
    hub.service.submit(request)
    hub.drive(lambda: hub.status(request.instance) == "waiting", *coordinators)
    return request.instance


def choose(hub: Any, instance: str) -> None:
    (step,) = hub.state(instance).steps
    output = {"chosen": {"password": PASSWORD}}
    hub.service.submit(hub.service.sealed(i.CompleteStep(id="chosen", instance=instance, step=step, output=output)))
    hub.drive(lambda: hub.state(instance).subscriptions)


def finish(hub: Any, instance: str, *coordinators: Any) -> None:
    hub.publish("account.approved", "SO-1", {"payment": {"iban": NEW_IBAN}}, "approval")
    hub.drive(lambda: hub.status(instance) == "completed", *coordinators)


def stored(hub: Any, *, but: tuple[str, ...] = ("seen_events",)) -> str:
    """Everything in the coordinator's tables, in every spelling of JSON that they know."""
    with reading(hub.store) as connection:
        rows = [
            row
            for table in metadata.sorted_tables
            if table.name not in but
            for row in connection.execute(select(table))
        ]
    return " ".join(
        value.decode("latin-1") if isinstance(value, bytes) else str(value) for row in rows for value in row
    )


def told(hub: Any) -> str:
    return msgspec.json.encode(hub.followed()).decode()


def assert_untold(text: str) -> None:
    assert [secret for secret in (IBAN, NEW_IBAN, TOKEN, PASSWORD) if secret in text] == []


def test_a_secret_is_in_commands_only(hub: Any, capfd: pytest.CaptureFixture[str]) -> None:
    # given
    eager = hub.new_coordinator(snapshot_every=1)

    # when
    instance = begin(hub, eager)
    choose(hub, instance)
    finish(hub, instance, eager)

    # then
    first, _, last = hub.connector.commands
    assert first.input == {"iban": IBAN}
    assert last.input == {"iban": NEW_IBAN, "token": TOKEN, "password": PASSWORD}
    assert_untold(stored(hub) + told(hub) + "".join(capfd.readouterr()))


def test_states_hold_opaque_objects_that_expressions_can_move(hub: Any) -> None:
    # when
    instance = begin(hub)

    # then
    variables = hub.state(instance).scopes[1].variables
    assert is_sealed(variables["customer"]["iban"])
    assert is_sealed(variables["account"]["token"])
    assert (variables["customer"]["name"], variables["account"]["number"]) == ("Ada", "A-1")
    assert hub.state(instance) == hub.replayed(instance)


def test_followers_see_that_there_is_a_secret_and_not_even_how_it_is_sealed(hub: Any) -> None:
    # when
    instance = begin(hub)
    entries = told(hub)

    # then
    sealed = hub.state(instance).scopes[1].variables["customer"]["iban"]["$sealed"]
    assert sealed in stored(hub)
    assert sealed not in entries
    assert '"iban":{"$sealed":true}' in entries


def test_an_undo_is_sent_what_its_effect_told_in_secret(hub: Any) -> None:
    # given
    instance = begin(hub)

    # when
    hub.service.submit(i.Cancel(id="cancel", instance=instance))
    hub.drive(lambda: hub.status(instance) == "compensated", hub.new_coordinator())

    # then
    undo = next(command for command in hub.connector.commands if command.operation == "erp.close-account")
    assert undo.input == {"token": TOKEN}
    assert_untold(stored(hub) + told(hub))


def test_an_input_that_comes_again_sends_the_opened_command_again(hub: Any) -> None:
    # given
    request = start(hub)
    first = hub.decide(hub.coordinator, [hub.item(request)])

    # when
    again = hub.decide(hub.new_coordinator(), [hub.item(request, deliveries=2)])

    # then
    assert [out.event for out in again.outgoing] == [out.event for out in first.outgoing]
    assert IBAN.encode() in bytes(first.outgoing[0].event.data)


def test_a_coordinator_whose_memory_is_old_decides_again_and_seals_again(hub: Any) -> None:
    # given two coordinators that remember the instance, and one of them has moved it on
    instance = begin(hub)
    other = hub.new_coordinator()
    hub.decide(other, [hub.item(i.Nudge(id="look", instance=instance))])
    choose(hub, instance)

    # when the other one takes the message
    hub.publish("account.approved", "SO-1", {"payment": {"iban": NEW_IBAN}}, "approval")
    hub.drive(lambda: hub.status(instance) == "completed", other)

    # then
    assert hub.connector.commands[-1].input["iban"] == NEW_IBAN
    assert_untold(stored(hub) + told(hub))


def test_what_operators_give_a_step_is_sealed(hub: Any) -> None:
    # given a step that is skipped with a password, and a token that is moved with another account number
    instance = begin(hub)
    (step,) = hub.state(instance).steps
    skip = i.Skip(id="skip", instance=instance, step=step, output={"chosen": {"password": PASSWORD}}, by="key:ann")
    hub.service.submit(hub.service.sealed(skip))
    hub.drive(lambda: hub.state(instance).subscriptions)
    (step,) = hub.state(instance).steps
    customer = {"customer": {"iban": NEW_IBAN}}

    # when
    move = i.Move(id="move", instance=instance, step=step, to="pay", variables=customer, by="key:ann")
    hub.service.submit(hub.service.sealed(move))
    hub.drive(lambda: hub.status(instance) == "completed")

    # then the system gets them, and nobody else
    assert hub.connector.commands[-1].input == {"iban": NEW_IBAN, "token": TOKEN, "password": PASSWORD}
    assert_untold(stored(hub) + told(hub))


def test_a_document_that_is_told_twice_is_the_same_document(hub: Any) -> None:
    sealer = Sealer("a", b"k" * 32)

    assert sealer.seal({"a": 1}) == sealer.seal({"a": 1}) != Sealer("b", b"k" * 32).seal({"a": 1})
    with pytest.raises(SealBroken):
        Sealer("b", b"k" * 32).open(sealer.seal("x"))


def test_the_same_start_with_secrets_is_the_same_input(hub: Any) -> None:
    first, again, other = start(hub), start(hub), start(hub, more=1)

    assert first == again
    assert first.instance == other.instance
    assert first.digest != other.digest


def test_when_the_key_is_destroyed_all_but_the_secret_can_be_read(hub: Any) -> None:
    # given
    instance = begin(hub)
    before = hub.state(instance)

    # when
    hub.service.forget(instance)

    # then
    later = hub.new_coordinator()
    assert later.service.load(instance) == before
    assert before.scopes[1].variables["customer"]["name"] == "Ada"
    for coordinator in (hub.coordinator, later):
        with pytest.raises(SecretsUnreadable):
            coordinator.vault.open(instance, before.scopes[1].variables)


def test_what_comes_after_the_key_was_destroyed_is_sealed_for_nobody(hub: Any) -> None:
    # given
    instance = begin(hub)
    hub.service.forget(instance)

    # when
    choose(hub, instance)

    # then
    assert_untold(stored(hub) + told(hub))
    with reading(hub.store) as connection:
        assert connection.execute(select(instance_keys.c.key)).scalars().all() == [None]


def test_a_command_whose_secret_is_forgotten_is_not_sent_and_costs_the_others_nothing(hub: Any) -> None:
    # given two instances that are about to pay
    hub.deploy("five-steps")
    instance = begin(hub)
    choose(hub, instance)
    hub.service.forget(instance)

    # when
    hub.publish("account.approved", "SO-1", {"payment": {"iban": NEW_IBAN}}, "approval")
    other = hub.start("five-steps")
    hub.drive(lambda: hub.status(other.instance) == "completed" and hub.status(instance) == "running")

    # then
    assert not [
        command for command in hub.connector.commands if command.instance == instance and "token" in command.input
    ]


def test_a_master_key_wraps_the_keys_in_the_store(hub: Any) -> None:
    # given
    hub.coordinator = hub.new_coordinator(secrets_key=MASTER)
    hub.service = hub.coordinator.service
    instance = begin(hub)

    # when
    with reading(hub.store) as connection:
        (key,) = connection.execute(select(instance_keys.c.key)).scalars().all()

    # then
    assert len(key) == 12 + 32 + 16
    assert hub.new_coordinator(secrets_key=MASTER).vault.open(instance, hub.state(instance).scopes[1].variables)


@pytest.mark.parametrize("secrets_key", [OTHER, ""])
def test_with_another_master_key_no_coordinator_begins(hub: Any, secrets_key: str) -> None:
    # given
    hub.coordinator = hub.new_coordinator(secrets_key=MASTER)
    hub.service = hub.coordinator.service
    instance = begin(hub)

    # when
    wrong = hub.new_coordinator(secrets_key=secrets_key)

    # then
    with pytest.raises(WrongSecretsKey, match="SECRETS_KEY: the store holds keys wrapped by the master key"):
        wrong.prepare()
    with pytest.raises(SecretsUnreadable, match="another master key"):
        wrong.vault.open(instance, hub.state(instance).scopes[1].variables)


def test_a_master_key_may_be_given_later(hub: Any) -> None:
    # given
    instance = begin(hub)

    # when
    wrapped = hub.new_coordinator(secrets_key=MASTER)
    wrapped.prepare()

    # then
    assert IBAN in str(wrapped.vault.open(instance, hub.state(instance).scopes[1].variables))


def test_the_master_key_can_be_changed_while_coordinators_go_on(hub: Any) -> None:
    # given keys that the old master wraps, and one from before there was any
    unwrapped = begin(hub)
    hub.coordinator = hub.new_coordinator(secrets_key=MASTER)
    hub.service = hub.coordinator.service
    old = hub.service.sealed(hub.new_start("keeps-secrets", variables={"customer": {"iban": IBAN}, "order": "SO-2"}))
    sealed = old.variables["customer"]["iban"]
    both = hub.new_coordinator(secrets_key=OTHER, secrets_keys_also=MASTER)
    hub.new_coordinator(secrets_key=MASTER, secrets_keys_also=OTHER).prepare()
    both.prepare()

    # when
    environ = {"DATABASE_URL": hub.database_url, "SECRETS_KEY": OTHER, "SECRETS_KEYS_ALSO": MASTER}
    first, again = rewrap(environ), rewrap(environ)

    # then
    assert (first, again) == (Rewrapped(keys=2), Rewrapped())
    new = hub.new_coordinator(secrets_key=OTHER)
    new.prepare()
    assert new.vault.open(old.instance, sealed) == IBAN
    assert IBAN in str(new.vault.open(unwrapped, hub.state(unwrapped).scopes[1].variables))
    with pytest.raises(WrongSecretsKey):
        hub.new_coordinator(secrets_key=MASTER).prepare()


def test_keys_that_nobody_can_read_are_counted_and_stay(hub: Any) -> None:
    # given
    hub.coordinator = hub.new_coordinator(secrets_key=MASTER)
    hub.service = hub.coordinator.service
    instance = begin(hub)

    # when
    done = rewrap({"DATABASE_URL": hub.database_url, "SECRETS_KEY": OTHER})

    # then
    assert done == Rewrapped(unreadable=1)
    assert IBAN in str(hub.coordinator.vault.open(instance, hub.state(instance).scopes[1].variables))


def test_a_key_that_is_destroyed_meanwhile_does_not_come_back(hub: Any) -> None:
    # given
    instance = begin(hub)
    with reading(hub.store) as connection:
        (was,) = keys.not_wrapped_by(connection, "new", "", 10)

    # when
    hub.service.forget(instance)
    with writing(hub.store) as connection:
        done = keys.wrap_again(connection, was, b"wrapped", "new")

    # then
    assert not done
    with reading(hub.store) as connection:
        assert keys.find(connection, instance) == (None, "")


def test_a_value_that_another_instance_sealed_is_not_taken(hub: Any) -> None:
    # given
    instance = begin(hub)
    choose(hub, instance)
    foreign = Sealer("another", b"k" * 32).seal(IBAN)

    # when
    hub.publish("account.approved", "SO-1", {"payment": {"iban": foreign}}, "approval")
    hub.drive(lambda: hub.dead_letters() == 1)

    # then
    assert hub.status(instance) == "waiting"


def test_a_reply_that_nobody_can_handle_is_buried_without_its_secrets(hub: Any) -> None:
    # given
    forged = Completed(output={"token": TOKEN, "forged": {"$sealed": "AAAA"}})
    request = start(hub)
    hub.connector.answer = lambda command: forged if command.operation == "erp.open-account" else Completed()
    hub.service.submit(request)

    # when
    hub.drive(lambda: hub.dead_letters() == 1)

    # then
    consumer = hub.broker.consume([Source("dead-letters")])
    (letter,) = consumer.take(1, 5.0)
    consumer.ack([letter])
    consumer.close()
    text = bytes(letter.event.data).decode()
    assert request.instance in text
    assert_untold(text)
