"""What has ended is purged when its time is over, and its values can be erased before."""

import json
import uuid
from pathlib import Path
from typing import Any

from e2e.stacks import Stack, new_key
from service_kit.testing.waiting import until


def test_a_purged_instance_is_gone_everywhere_and_its_keys_stand(hub: Stack) -> None:
    # given
    number, key = new_key(), {"Idempotency-Key": uuid.uuid4().hex}
    variables = {"order": {"number": number}}
    instance = hub.start("purged-at-once", variables, key).json()["id"]
    assert hub.named(number) == instance

    # when
    hub.complete(instance, "Approve")
    until(lambda: hub.call("GET", f"/instances/{instance}").status_code == 404, timeout=30)

    # then
    gone = hub.call("GET", f"/instances/{instance}").json()
    assert gone["code"] == "PURGED"
    until(lambda: hub.call("GET", f"/instances/{instance}/timeline").status_code == 404, timeout=60)
    assert hub.call("GET", "/instances", params={"business_key": number}).json()["items"] == []
    again = hub.start("purged-at-once", variables, key)
    same_key = hub.start("purged-at-once", variables)
    for answer in (again, same_key):
        assert (answer.status_code, answer.json()["code"]) == (409, "PURGED")
        assert answer.json()["existing_instance"] == instance
    acted = hub.act(instance, "cancel", undo=False)
    assert (acted.status_code, acted.json()["code"]) == (409, "PURGED")


def test_its_journal_is_in_the_archive(hub: Stack) -> None:
    # given
    number = new_key()
    instance = hub.started("purged-at-once", {"order": {"number": number}})

    # when
    hub.complete(instance, "Approve", approved=True)
    archive = Path(hub.hub.archive)
    (file,) = until(lambda: list(archive.rglob(f"{instance}.jsonl")), timeout=60)

    # then
    head, *rows, last = [json.loads(line) for line in file.read_text().splitlines()]
    assert (head["business_key"], head["status"], last["rows"]) == (number, "completed", len(rows))
    assert rows[-1]["input"]["output"] == {"approved": True}


def test_values_are_erased_in_journal_and_index_and_history_stays(hub: Stack) -> None:
    # given
    number, name = new_key(), f"Ada-{uuid.uuid4().hex}"
    instance = hub.started("one-at-a-time", {"order": {"number": number}, "customer": name})
    too_early = hub.act(instance, "erase")
    hub.complete(instance, "Approve", said=name)
    timeline = until(lambda: _timeline(hub, instance, "completed"))

    # when
    erased = hub.act(instance, "erase")

    # then
    assert (too_early.status_code, too_early.json()["code"]) == (409, "NOT_ENDED")
    assert (erased.status_code, erased.json()["status"]) == (200, "completed")
    assert erased.json()["variables"] == {"$erased": True}
    assert erased.json()["business_key"] == number
    events = len(timeline["events"])
    later = until(lambda: _timeline(hub, instance, "completed", events + 1), timeout=30)
    assert [step["element"] for step in later["steps"]] == [step["element"] for step in timeline["steps"]]
    audit = hub.call("GET", "/audit").json()["items"]
    assert ("erase_instance", instance, 200) in {(act["operation"], act["target"], act["status"]) for act in audit}


def test_identifiers_are_erased_if_they_are_to_be(hub: Stack) -> None:
    # given
    number = new_key()
    instance = hub.started("one-at-a-time", {"order": {"number": number}})
    hub.complete(instance, "Approve")
    assert hub.named(number) == instance

    # when
    erased = hub.act(instance, "erase", identifiers=True)

    # then
    assert erased.json()["business_key"] == "$erased"
    until(lambda: not hub.call("GET", "/instances", params={"business_key": number}).json()["items"], timeout=30)


def _timeline(hub: Stack, instance: str, status: str, events: int = 0) -> dict[str, Any]:
    answer = hub.call("GET", f"/instances/{instance}/timeline")
    found: dict[str, Any] = answer.json()
    if answer.status_code != 200 or found["instance"]["status"] != status or len(found["events"]) < events:
        return {}
    return found
