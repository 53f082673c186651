"""The values of an instance that has ended can be erased; what happened stays."""

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from saga_coordinator import views, wire
from saga_coordinator.engine import InstanceState, fold
from saga_coordinator.engine import inputs as i
from saga_coordinator.models import metadata
from saga_coordinator.testing.dying import dies_committing
from saga_coordinator.testing.purging import is_told, told
from service_kit.database import reading
from service_kit.messages import (
    Command,
    CommandKind,
    Completed,
    EntriesForgotten,
    Outcome,
    Probed,
    ProbeVerdict,
    Rejected,
    Unknown,
)

NAME = "Ada Lovelace"
REMARK = "refused because of Ada's debts"
NUMBER = "4500012"
LARGE = "0123456789abcdef" * 10_000
WHY = "request 17"


def answer(command: Command) -> Outcome | None:
    if command.operation == "erp.create-order" and command.step == 3:
        return Completed(output={"customer": NAME, "number": NUMBER}, references={"salesOrder": NUMBER})
    return Completed(output={}) if command.operation == "erp.cancel-order" else Rejected("DEBTS", REMARK, {"who": NAME})


def compensated(hub: Any) -> str:
    """One that made an order for somebody, was refused, and undid it."""
    hub.deploy("create-two")
    hub.connector.answer = answer
    request = hub.start(
        "create-two", variables={"customer": {"name": NAME}, "scan": f"{NAME}{LARGE}"}, business_key="B-1"
    )
    hub.drive(lambda: hub.status(request.instance) == "compensated")
    return str(request.instance)


def erase(hub: Any, instance: str, coordinator: Any = None, **fields: Any) -> Any:
    """Ask for it, and do it; how it was answered."""
    act = i.Erase(
        id=f"erase-{len(hub.service.journal(instance))}", instance=instance, by="key:admin", reason=WHY, **fields
    )
    hub.service.submit(act)
    hub.until(lambda: hub.turn(coordinator, timeout=1.0))
    hub.service.erase(instance)
    return hub.service.outcomes([(instance, act.id)])[act.id]


def stored(hub: Any) -> str:
    with reading(hub.store) as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return " ".join(v.decode("latin-1") if isinstance(v, bytes) else str(v) for row in rows for v in row)


def history(hub: Any, instance: str) -> list[tuple[str, ...]]:
    rows = hub.service.whole_journal(instance)
    return [tuple(str(type(fact).__struct_config__.tag) for fact in wire.facts_of(row)) for row in rows]


def replayed(hub: Any, instance: str) -> InstanceState:
    state: InstanceState = hub.replayed(instance)
    return state


def test_values_are_gone_and_history_stays(hub: Any) -> None:
    # given
    eager = hub.new_coordinator(snapshot_every=1)
    hub.coordinator = eager
    instance = compensated(hub)
    before = history(hub, instance)
    assert all(text in stored(hub) for text in (NAME, REMARK, NUMBER, LARGE))

    # when
    outcome = erase(hub, instance)

    # then
    assert outcome.seq == len(before) + 1
    assert [text for text in (NAME, REMARK, LARGE[:64]) if text in stored(hub)] == []
    assert history(hub, instance) == [*before, ("operator-acted", "values-erased")]
    state = hub.state(instance)
    assert (state.status, state.business_key, state.scopes[1].variables) == ("compensated", "B-1", {"$erased": True})
    assert state == replayed(hub, instance)
    assert NUMBER in stored(hub)
    assert WHY in stored(hub)
    assert told(hub) == [EntriesForgotten(instance=instance, up_to=len(before) + 1)]
    assert hub.service.forgotten(0) == [EntriesForgotten(instance=instance, up_to=len(before) + 1)]


def test_identifiers_go_if_they_are_to(hub: Any) -> None:
    # given
    instance = compensated(hub)

    # when
    erase(hub, instance)
    erase(hub, instance, identifiers=True)

    # then
    assert NUMBER not in stored(hub)
    assert hub.service.search(business_key="B-1") == []
    assert hub.state(instance).business_key == "$erased"
    assert hub.state(instance) == replayed(hub, instance)


def test_an_instance_that_has_not_ended_keeps_its_values(hub: Any) -> None:
    # given
    hub.deploy("waits-for-message")
    request = hub.start("waits-for-message", variables={"order": "SO-1", "customer": NAME})
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # when
    outcome = erase(hub, request.instance)

    # then
    assert outcome.refusal.code == "NOT_ENDED"
    assert hub.state(request.instance).scopes[1].variables["customer"] == NAME


def test_secrets_cannot_be_opened_any_more(hub: Any) -> None:
    # given
    hub.deploy("keeps-secrets")
    hub.connector.answer = lambda command: Rejected("NO")
    start = hub.new_start("keeps-secrets", variables={"customer": {"iban": "DE89"}, "order": "SO-1"})
    start = hub.service.sealed(start)
    hub.service.submit(start)
    hub.drive(lambda: hub.status(start.instance) == "compensated")

    # when
    erase(hub, start.instance)

    # then
    assert "$sealed" not in stored(hub)
    with reading(hub.store) as connection:
        (row,) = connection.execute(select(metadata.tables["instance_keys"])).all()
    assert row.key is None


def test_whoever_dies_while_erasing_is_continued(hub: Any) -> None:
    for survived in range(50):
        # given
        instance = compensated(hub)
        hub.service.submit(i.Erase(id="erase", instance=instance, by="key:admin", reason=WHY))
        hub.until(lambda: hub.turn(timeout=1.0))

        # when
        mortal = hub.new_coordinator(retention_rows=3)
        alive = not dies_committing(hub.store, partial(mortal.service.erase, instance), survived)
        hub.new_coordinator(retention_rows=3).retention.round()

        # then
        assert NAME not in stored(hub)
        hub.until(partial(is_told, hub, instance))
        assert hub.state(instance) == replayed(hub, instance)
        if alive:
            break
    assert 3 < survived < 50


def test_an_event_that_it_took_is_remembered_without_its_values(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")
    hub.publish("order.confirmed", "SO-1", {"number": 1, "total": 101, "customer": NAME}, "e1")
    hub.drive(hub.started)
    (instance,) = hub.started()
    hub.drive(lambda: hub.status(instance) == "completed")

    # when
    erase(hub, instance)
    hub.publish("order.confirmed", "SO-1", {"number": 1, "total": 101, "customer": NAME}, "e1")
    hub.drive(lambda: hub.broker.depth("events") == 0)
    hub.drive(lambda: not hub.turn(timeout=0.2))

    # then
    assert NAME not in stored(hub)
    assert hub.started() == [instance]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_is_shown_when_an_instance_really_ended_whatever_is_told_of_it_later(hub: Any, serve: Any) -> None:
    # given
    instance = await asyncio.to_thread(compensated, hub)
    ended = views.time_of(hub.service.whole_journal(instance)[-1].at)
    first = hub.connector.commands[0]
    late = i.Reply(
        id="late",
        instance=instance,
        command=first.id,
        step=first.step,
        attempt=first.attempt,
        outcome=i.CompletedOutcome(output={}),
    )

    # when
    await asyncio.to_thread(erase, hub, instance)
    hub.service.submit(late)
    await asyncio.to_thread(hub.until, lambda: hub.turn(timeout=1.0))
    async with serve() as client:
        shown = (await client.get(f"/instances/{instance}")).json()

    # then
    assert hub.service.journal(instance)[-1].at > hub.service.instances([instance])[instance].ended_at
    assert (shown["status"], shown["ended_at"]) == ("compensated", ended)


@pytest.mark.parametrize("warm", [True, False], ids=["remembered", "not remembered"])
def test_an_effect_that_turns_up_later_is_a_persons_and_brings_no_values_back(hub: Any, warm: bool) -> None:
    # given a create that a probe found absent, and that the saga went on without
    hub.deploy("create-two")

    def absent(command: Command) -> Outcome | None:
        if command.kind is CommandKind.PROBE:
            return Probed(verdict=ProbeVerdict.ABSENT)
        return Unknown("lost") if command.attempt == 1 and command.step == 3 else Completed(output={})

    hub.connector.answer = absent
    request = hub.start("create-two", variables={"customer": NAME})
    hub.drive(lambda: hub.status(request.instance) == "completed")
    hub.followed()
    erase(hub, request.instance)
    if not warm:
        hub.coordinator = hub.new_coordinator()

    # when
    first = hub.connector.commands[0]
    late = i.Reply(
        id="late",
        instance=request.instance,
        command=first.id,
        step=first.step,
        attempt=first.attempt,
        outcome=i.CompletedOutcome(output={"customer": NAME}, references={"salesOrder": NUMBER}),
    )
    hub.service.submit(late)
    hub.drive(lambda: hub.status(request.instance) == "incident")

    # then
    assert NAME not in stored(hub)
    assert NAME not in msgspec.json.encode(hub.followed()).decode()
    assert hub.state(request.instance) == replayed(hub, request.instance)
    sent = len(hub.connector.commands)
    hub.service.submit(i.Retry(id="retry", instance=request.instance, by="key:admin", reason=WHY))
    hub.until(lambda: hub.turn(timeout=1.0))
    hub.connector.step()
    ((step,),) = [tuple(hub.state(request.instance).incidents)]
    incident = hub.state(request.instance).steps[step].incident
    assert incident.code == "CANNOT_UNDO"
    assert len(hub.connector.commands) == sent


def test_a_snapshot_or_cache_from_before_brings_nothing_back(hub: Any) -> None:
    # given a coordinator that remembers the instance with its values
    eager = hub.new_coordinator(snapshot_every=1)
    hub.coordinator = eager
    instance = compensated(hub)
    erase(hub, instance, hub.new_coordinator())

    # when
    late = i.Reply(id="late", instance=instance, command="c", step=2, outcome=i.UnknownOutcome(reason=REMARK))
    hub.service.submit(late)
    hub.until(lambda: hub.turn(eager, timeout=1.0))

    # then
    assert REMARK not in stored(hub)
    assert NAME not in stored(hub)
    assert fold(hub.state(instance), [], seq=0, at=0).erased


def test_what_was_called_is_erased_with_its_caller(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two", "calls-a-caller")
    request = hub.start("calls-a-caller", variables={"order": NAME})
    hub.drive(lambda: hub.status(request.instance) == "waiting")
    hub.service.submit(i.Cancel(id="cancel", instance=request.instance, by="key:admin", reason=WHY))
    hub.drive(lambda: hub.status(request.instance) == "compensated")
    family = [row.id for row in hub.service.search(root=request.instance) if row.id != request.instance]
    assert len(family) == 3
    alone = erase(hub, family[0])

    # when
    erase(hub, request.instance)
    hub.drive(lambda: [hub.coordinator.retention.round()] and all(hub.state(id_).erased for id_ in family))

    # then
    assert alone.refusal.code == "NOT_ROOT"
    assert NAME not in stored(hub)
    assert {each.instance for each in told(hub)} == {request.instance, *family}
