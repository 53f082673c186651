"""Large values are stored once, carried whole, and only referred to in what is published of the journal."""

from typing import Any

import msgspec
from sqlalchemy import delete, func, select

from saga_coordinator.models import blobs, journal, snapshots
from service_kit.database import reading, writing

LARGE = "0123456789abcdef" * 65_536


def stored_bytes(hub: Any) -> dict[str, int]:
    sizes = {
        "journal": func.length(journal.c.input) + func.length(journal.c.facts),
        "snapshots": func.length(snapshots.c.state),
        "blobs": func.length(blobs.c.content),
    }
    with reading(hub.store) as connection:
        return {name: connection.scalar(select(func.sum(size))) or 0 for name, size in sizes.items()}


def run(hub: Any, document: Any, *coordinators: Any) -> str:
    hub.deploy("carries-document")
    request = hub.start("carries-document", variables={"document": document})
    hub.drive(lambda: hub.status(request.instance) == "completed", *coordinators)
    return str(request.instance)


def test_a_megabyte_that_passes_through_ten_steps_is_stored_once(hub: Any) -> None:
    # when
    instance = run(hub, LARGE)

    # then
    sizes = stored_bytes(hub)
    assert sizes["blobs"] == len(LARGE) + 2
    assert sizes["journal"] < 64_000
    assert hub.state(instance).scopes[1].variables == {"document": LARGE}
    assert hub.state(instance) == hub.replayed(instance)


def test_commands_carry_the_value_and_journal_entries_refer_to_it(hub: Any) -> None:
    # when
    run(hub, LARGE)

    # then
    assert [command.input for command in hub.connector.commands] == [{"document": LARGE}] * 10
    entries = hub.followed()
    assert len(entries) == 11
    assert max(len(msgspec.json.encode(entry)) for entry in entries) < 10_000


def test_a_snapshot_refers_to_the_value_too(hub: Any) -> None:
    # given
    eager = hub.new_coordinator(snapshot_every=1)

    # when
    instance = run(hub, LARGE, eager)

    # then
    sizes = stored_bytes(hub)
    assert (sizes["snapshots"] > 0, sizes["snapshots"] < 64_000, sizes["blobs"] == len(LARGE) + 2) == (True, True, True)
    with writing(hub.store) as connection:
        connection.execute(delete(journal).where(journal.c.seq < 11))
    assert hub.state(instance).scopes[1].variables == {"document": LARGE}


def test_a_coordinator_that_knows_nothing_of_the_instance_goes_on_with_the_whole_value(hub: Any) -> None:
    # given every input goes to a coordinator that has just begun
    hub.deploy("carries-document")
    request = hub.start("carries-document", variables={"document": LARGE})

    # when
    def turned() -> bool:
        hub.turn(hub.new_coordinator())
        hub.connector.step()
        return bool(hub.status(request.instance) == "completed")

    hub.until(turned)

    # then
    assert {command.input["document"] for command in hub.connector.commands} == {LARGE}


def test_an_input_that_comes_again_sends_the_whole_command_again(hub: Any) -> None:
    # given a start whose command was never sent
    hub.deploy("carries-document")
    request = hub.new_start("carries-document", variables={"document": LARGE})
    first = hub.decide(hub.coordinator, [hub.item(request)])

    # when
    again = hub.decide(hub.new_coordinator(), [hub.item(request, deliveries=2)])

    # then
    assert [out.event for out in again.outgoing] == [out.event for out in first.outgoing]
    assert LARGE.encode() in bytes(first.outgoing[0].event.data)


def test_large_objects_and_lists_are_put_aside_as_a_whole(hub: Any) -> None:
    # given
    document = {"lines": [{"material": f"MAT-{n:05}", "note": "x" * 80} for n in range(2_000)], "number": 7}

    # when
    instance = run(hub, document)

    # then
    assert hub.state(instance).scopes[1].variables == {"document": document}
    assert stored_bytes(hub)["journal"] < 64_000


def test_names_like_those_of_references_survive(hub: Any) -> None:
    # given
    document = {"$blob": "mine", "$$blob": {"$blob": LARGE}, "list": [{"$blob": "x"}]}

    # when
    instance = run(hub, document)

    # then
    assert hub.connector.commands[-1].input == {"document": document}
    assert hub.service.load(instance).scopes[1].variables == {"document": document}
