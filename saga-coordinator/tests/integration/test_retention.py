"""What has ended long enough ago is archived and purged; its keys stand."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, func, select, update

from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import InstancePurged
from saga_coordinator.models import blobs, instances
from saga_coordinator.testing.purging import (
    answered,
    let_keys_expire,
    purge,
    purger,
    run,
    told,
    tombstone,
    traces,
)
from service_kit.database import reading, writing
from service_kit.messages import EntriesForgotten, Rejected

EVENT = {"number": 1, "total": 101, "customer": "who it was"}
LARGE = "0123456789abcdef" * 10_000


def test_nothing_is_left_of_a_purged_instance_but_its_tombstone(hub: Any) -> None:
    # given
    request = run(hub, "carries-document", variables={"document": LARGE}, idempotency_key="k")
    assert set(traces(hub, request.instance)) == {"journal", "instances", "blob_references"}

    # when
    purge(hub)

    # then
    assert traces(hub, request.instance, LARGE[:64]) == {}
    assert told(hub) == [EntriesForgotten(instance=request.instance, up_to=2**31 - 1, purged=True)]
    with pytest.raises(InstancePurged, match=r"\(completed\) was purged on 20"):
        hub.service.load(request.instance)


def test_secrets_of_a_purged_instance_have_no_key_any_more(hub: Any) -> None:
    # given
    hub.deploy("keeps-secrets")
    hub.connector.answer = lambda command: Rejected("NO")
    request = hub.service.sealed(
        hub.new_start("keeps-secrets", variables={"customer": {"iban": "DE89"}, "order": "SO-1"}, idempotency_key="k")
    )
    hub.service.submit(request)
    hub.drive(lambda: hub.status(request.instance) == "compensated")

    # when
    purge(hub)

    # then
    assert traces(hub, request.instance) == {"instance_keys": 1}
    let_keys_expire(hub, hub.coordinator)
    assert traces(hub, request.instance) == {}


def test_what_is_open_or_has_ended_lately_stays(hub: Any) -> None:
    # given
    ended = run(hub)
    hub.deploy("waits-for-message")
    waiting = hub.start("waits-for-message", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(waiting.instance) == "waiting")

    # when
    purger(hub, retention_after="P1D").retention.round()
    purger(hub, retention_after="never").retention.round()
    hub.coordinator.retention.round()
    assert hub.status(ended.instance) == "completed"
    purge(hub)

    # then
    assert (hub.status(ended.instance), hub.status(waiting.instance)) == ("", "waiting")


def test_a_process_says_itself_how_long_its_instances_are_kept(hub: Any) -> None:
    # given
    request = run(hub)
    xml = (hub.processes / "five-steps.bpmn").read_text()
    for_ever = '<extensionElements><tl:retention after="never"/></extensionElements><startEvent'
    at_once = for_ever.replace("never", "PT0S")

    # when the newest version says never
    hub.service.deploy(xml.replace("<startEvent", for_ever, 1).encode(), "five-steps")
    purger(hub).retention.round()
    assert hub.status(request.instance) == "completed"

    # then a newer one is heard, against what the installation says
    hub.service.deploy(xml.replace("<startEvent", at_once, 1).encode(), "five-steps")
    purge(hub, retention_after="never")
    assert hub.status(request.instance) == ""


def test_a_journal_is_in_the_archive_before_it_is_deleted(hub: Any, tmp_path: Path) -> None:
    # given
    request = run(hub, "carries-document", variables={"document": LARGE})
    rows = hub.service.whole_journal(request.instance)

    # when
    purge(hub, retention_archive=True, archive_folder=str(tmp_path / "archive"))

    # then
    left = tombstone(hub, request.instance)
    assert left.archive is not None
    file = tmp_path / "archive" / left.archive
    *lines, last = file.read_bytes().splitlines(keepends=True)
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    assert (json.loads(last), left.digest) == ({"rows": len(rows), "sha256": digest}, digest)
    head, first, *others = [json.loads(line) for line in lines]
    assert (head["instance"], head["process"], head["status"]) == (request.instance, "carries-document", "completed")
    assert first["input"]["variables"]["document"] == LARGE
    assert [row["seq"] for row in (first, *others)] == [row.seq for row in rows]
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InstancePurged, match=left.archive):
        hub.service.load(request.instance)


def test_nothing_is_purged_that_cannot_be_archived(hub: Any, tmp_path: Path) -> None:
    # given
    request = run(hub)
    in_the_way = tmp_path / "archive"
    in_the_way.write_text("a file, not a folder")

    # when
    purger(hub, retention_archive=True, archive_folder="").retention.round()
    purger(hub, retention_archive=True, archive_folder=str(in_the_way)).retention.round()

    # then
    assert hub.status(request.instance) == "completed"
    assert hub.service.load(request.instance).ended


@pytest.mark.parametrize("warm", [True, False], ids=["remembered", "not remembered"])
def test_a_start_that_comes_again_does_not_start_a_purged_instance_again(hub: Any, warm: bool) -> None:
    # given
    request = run(hub, variables={"order": 1}, idempotency_key="k")
    purge(hub)
    commands = len(hub.connector.commands)

    # when
    if not warm:
        hub.coordinator = hub.new_coordinator()
    hub.service.submit(request)
    same = answered(hub, request)
    other = hub.start("five-steps", variables={"order": 2}, idempotency_key="k")
    another = answered(hub, other)

    # then
    assert other.instance == request.instance
    assert [(r.code, r.existing_instance) for r in (same, another)] == [("PURGED", request.instance)] * 2
    assert hub.started() == []
    hub.connector.step()
    assert len(hub.connector.commands) == commands


def test_a_business_key_that_is_unique_for_ever_outlives_its_instance(hub: Any) -> None:
    # given
    first = run(hub, "keyed-ever", variables={"order": "SO-1"})
    coordinator = purger(hub)
    purge(hub, coordinator)

    # when
    second = hub.start("keyed-ever", variables={"order": "SO-1"})
    refusal = answered(hub, second)

    # then
    assert (refusal.code, refusal.existing_instance) == ("PURGED", first.instance)
    assert "SO-1" in refusal.message
    assert "was purged" in refusal.message

    # and when its time is over
    let_keys_expire(hub, coordinator)
    third = run(hub, "keyed-ever", variables={"order": "SO-1"})
    assert hub.status(third.instance) == "completed"
    assert traces(hub, first.instance, but=["refusals"]) == {}


def test_a_start_that_waits_for_the_key_of_a_purged_instance_gets_it_in_the_end(hub: Any) -> None:
    # given
    xml = (hub.processes / "keyed-queue.bpmn").read_text().replace('policy="queue"', 'policy="queue" scope="ever"')
    hub.service.deploy(xml.encode(), "keyed-queue")
    first = hub.start("keyed-queue", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(first.instance) == "completed")
    second = hub.start("keyed-queue", variables={"order": "SO-1"})
    hub.until(lambda: hub.turn(timeout=1.0))
    coordinator = purger(hub, retention_after="PT0S")
    purge(hub, coordinator)
    assert hub.service.outcomes([(second.instance, second.id)])[second.id].queued

    # when
    let_keys_expire(hub, coordinator)

    # then
    hub.drive(lambda: hub.status(second.instance) == "completed")


@pytest.mark.parametrize("warm", [True, False], ids=["remembered", "not remembered"])
@pytest.mark.parametrize(("outcome", "letters"), [(i.CompletedOutcome(), 1), (i.UnknownOutcome(reason="?"), 0)])
def test_a_reply_for_a_purged_instance_is_a_dead_letter_if_something_was_applied(
    hub: Any, outcome: i.Outcome, letters: int, warm: bool
) -> None:
    # given
    request = run(hub)
    purge(hub)
    if not warm:
        hub.coordinator = hub.new_coordinator()

    # when
    late = i.Reply(id="late", instance=request.instance, command=f"{request.instance}.2.9", step=2, outcome=outcome)
    hub.service.submit(late)
    hub.until(lambda: hub.turn(timeout=1.0))

    # then
    assert (hub.dead_letters(), hub.turn(timeout=0.2)) == (letters, 0)
    assert traces(hub, request.instance) == {}


def test_who_is_asked_to_act_on_a_purged_instance_says_so(hub: Any) -> None:
    # given
    request = run(hub)
    purge(hub)

    # when
    act = i.Cancel(id="act", instance=request.instance, undo=False, by="me", reason="?")
    hub.service.submit(act)
    hub.until(lambda: hub.turn(timeout=1.0))

    # then
    refusal = hub.service.outcomes([(request.instance, "act")])["act"].refusal
    assert (refusal.code, refusal.message.startswith("instance ")) == ("PURGED", True)


def test_a_coordinator_that_remembers_the_instance_as_open_writes_nothing_more(hub: Any) -> None:
    # given one that saw it begin, and others that saw it end and purged it
    hub.deploy("waits-for-message")
    forgetful = hub.new_coordinator()
    request = hub.start("waits-for-message", variables={"order": "SO-1"})
    hub.until(lambda: hub.turn(forgetful, timeout=1.0))
    hub.drive(lambda: hub.status(request.instance) == "waiting")
    cancel = i.Cancel(id="first", instance=request.instance, undo=False, by="me", reason="?")
    hub.service.submit(cancel)
    hub.drive(lambda: hub.status(request.instance) == "cancelled")
    purge(hub)

    # when
    hub.service.submit(msgspec.structs.replace(cancel, id="second"))
    hub.until(lambda: hub.turn(forgetful, timeout=1.0))

    # then
    assert hub.service.outcomes([(request.instance, "second")])["second"].refusal.code == "PURGED"
    assert traces(hub, request.instance, but=["tombstones", "refusals"]) == {}


def test_a_late_effect_that_reopens_an_instance_is_not_lost_to_a_purge_at_that_moment(hub: Any) -> None:
    """Whoever decided on it before the purge and writes after it loses, and decides again."""
    # given
    request = run(hub)
    remembers = hub.new_coordinator()
    hub.decide(remembers, [hub.item(i.Nudge(id="n", instance=request.instance))])
    reopening = i.Reply(
        id="late", instance=request.instance, command="c", step=2, outcome=i.CompletedOutcome(output={})
    )

    # when
    purge(hub)
    done = hub.decide(remembers, [hub.item(reopening)])

    # then
    ((item, reason),) = done.poisoned
    assert (item.input.id, "was purged" in reason) == ("late", True)
    assert traces(hub, request.instance) == {}


def test_a_large_value_that_another_instance_has_too_stays(hub: Any) -> None:
    # given
    run(hub, "carries-document", variables={"document": LARGE})
    hub.deploy("waits-for-message")
    other = hub.start("waits-for-message", variables={"order": "SO-1", "document": LARGE})
    hub.drive(lambda: hub.status(other.instance) == "waiting")

    # when
    purge(hub)

    # then
    assert hub.state(other.instance).scopes[1].variables["document"] == LARGE
    with reading(hub.store) as connection:
        assert connection.scalar(select(func.count()).select_from(blobs)) == 1


def test_an_event_that_is_delivered_again_does_not_start_a_purged_instance_again(hub: Any) -> None:
    # given
    hub.deploy("started-by-event")
    hub.publish("order.confirmed", "SO-1", EVENT, "e1")
    hub.drive(hub.started)
    (instance,) = hub.started()
    hub.drive(lambda: hub.status(instance) == "completed")
    purge(hub)

    # when
    hub.publish("order.confirmed", "SO-1", EVENT, "e1")
    hub.drive(lambda: hub.dead_letters() == 0 and hub.broker.depth("events") == 0)
    hub.drive(lambda: not hub.turn(timeout=0.2))

    # then
    assert hub.started() == []
    assert traces(hub, "who it was") == {}


def test_long_journals_are_deleted_in_small_transactions(hub: Any) -> None:
    # given
    requests = [run(hub) for _ in range(5)]
    sizes: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM journal"):
            sizes.append(cursor.rowcount)

    # when
    event.listen(hub.store, "after_cursor_execute", note)
    purge(hub, retention_rows=4, retention_page=2)
    event.remove(hub.store, "after_cursor_execute", note)

    # then
    assert sum(sizes) == 30
    assert max(sizes) <= 4
    assert traces(hub, *[request.instance for request in requests]) == {}


def compensated_with_children(hub: Any, **variables: Any) -> i.Start:
    """A root whose children have children, all undone."""
    hub.deploy("creates", "calls-two", "calls-a-caller")
    request: i.Start = hub.start("calls-a-caller", variables=variables)
    hub.drive(lambda: hub.status(request.instance) == "waiting")
    hub.service.submit(i.Cancel(id="cancel", instance=request.instance, by="me", reason="?"))
    hub.drive(lambda: hub.status(request.instance) == "compensated")
    return request


def test_called_instances_are_purged_with_their_root_and_not_before_they_have_ended(hub: Any) -> None:
    # given a root that has ended, what it called, and what that called
    request = compensated_with_children(hub, order="SO-1")
    family = [row.id for row in hub.service.search(root=request.instance) if row.id != request.instance]
    assert len(family) == 3

    # when one of them is (as if) open again
    open_again = instances.c.id == family[0]
    with writing(hub.store) as connection:
        connection.execute(update(instances).where(open_again).values(ended_at=None))
    purger(hub).retention.round()
    assert all(hub.status(id_) for id_ in (request.instance, *family))

    # then they go when it has ended
    with writing(hub.store) as connection:
        connection.execute(update(instances).where(open_again).values(ended_at=6))
    purge(hub)
    assert traces(hub, request.instance) == {}
    assert {each.instance for each in told(hub)} == {request.instance, *family}
