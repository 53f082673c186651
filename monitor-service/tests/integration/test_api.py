"""The monitor's API over HTTP, on both stores; every answer is checked against the contract."""

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from service_kit.messages import JournalEntry
from service_kit.testing.waiting import until

Journal = Callable[..., list[JournalEntry]]
NAMES = ["completes", "refused", "stuck-undo", "exhausted"]


@pytest.fixture
def client(hub: Any, journal: Journal) -> httpx.Client:
    """Over four instances, started a minute apart."""
    for minute, name in enumerate(NAMES):
        entries = [msgspec.structs.replace(e, at=e.at + 60_000 * minute) for e in journal(name)]
        hub.publish(*entries)
        hub.follow(len(entries))
    made: httpx.Client = hub.client()
    return made


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


SEARCHES = {
    "": ["exhausted", "stuck-undo", "refused", "completes"],
    "business_key=SO-1001&limit=2": ["exhausted", "stuck-undo"],
    "business_key=SO-1": [],
    "document=4712": ["refused"],
    "document=80001": ["completes"],
    "status=incident,compensated": ["stuck-undo", "refused"],
    "process=p&status=completed": ["exhausted", "completes"],
    "process=q": [],
    "error=stock": ["refused"],
    "error=already_": ["stuck-undo"],
    "error=%25": [],
    "from=2026-01-05T09:01:00Z&to=2026-01-05T09:03:00Z": ["stuck-undo", "refused"],
    "from=2026-01-05T17:03:00.000%2B08:00": ["exhausted"],
}


def test_instances_are_found_newest_first(client: httpx.Client) -> None:
    assert {query: ids(client.get(f"/instances?{query}")) for query in SEARCHES} == SEARCHES


def test_pages_follow_each_other_without_holes(client: httpx.Client) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/instances", params={"limit": 1} | ({"cursor": cursor} if cursor else {}))
        seen += ids(page)
        if not (cursor := page.json()["next_cursor"]):
            break

    assert seen == ["exhausted", "stuck-undo", "refused", "completes"]


def test_callers_and_those_that_they_call_are_found_by_their_root_page_by_page(hub: Any, client: httpx.Client) -> None:
    # given a family, whose ids have dots, and one that only looks like it
    family = ["ab", "ab.2", "ab.2.5-1", "abc"]
    for minute, id_ in enumerate(family):
        parent = id_.rpartition(".")[0]
        started = {"fact": "instance-started", "process": "p", "version": 1, **({"parent": parent} if parent else {})}
        raised = {"fact": "incident-raised", "step": 3, "code": "CHILD_REFUSED"}
        entry = JournalEntry(
            instance=id_,
            seq=1,
            at=minute,
            input_id="s",
            input=msgspec.Raw(b"{}"),
            facts=msgspec.Raw(msgspec.json.encode([started, raised])),
            process="p",
            version=1,
        )
        hub.publish(entry)
        hub.follow(1)

    # when
    first = client.get("/instances?root=ab&limit=2").json()
    rest = client.get("/instances", params={"root": "ab", "limit": 2, "cursor": first["next_cursor"]}).json()
    incidents = client.get("/incidents?limit=2").json()
    others = client.get("/incidents", params={"limit": 2, "cursor": incidents["next_cursor"]}).json()

    # then
    assert [(item["id"], item["parent"], item["root"]) for item in [*first["items"], *rest["items"]]] == [
        ("ab.2.5-1", "ab.2", "ab"),
        ("ab.2", "ab", "ab"),
        ("ab", None, "ab"),
    ]
    found = [item["instance"] for item in [*incidents["items"], *others["items"]]]
    assert (len(found), len(set(found))) == (4, 4)


def test_a_wrong_condition_is_refused(client: httpx.Client) -> None:
    for query in ("status=asleep", "from=yesterday", "limit=0", "colour=red", "cursor=x", "cursor=a.b"):
        assert client.get(f"/instances?{query}").status_code == 400, query


def test_a_summary_says_what_an_operator_looks_for(client: httpx.Client) -> None:
    (item,) = client.get("/instances?document=4716").json()["items"]

    assert item == {
        "id": "stuck-undo",
        "process": "p",
        "version": 1,
        "business_key": "SO-1001",
        "status": "incident",
        "started_at": "2026-01-05T09:02:00.000Z",
        "ended_at": None,
        "documents": [{"name": "salesOrder", "number": "4716", "system": "sys"}],
        "incidents": 1,
        "error": "ALREADY_INVOICED",
        "parent": None,
        "root": "stuck-undo",
    }


def test_a_timeline_has_names_from_the_diagram_which_is_asked_for_once(client: httpx.Client, hub: Any) -> None:
    timeline = client.get("/instances/refused/timeline").json()
    client.get("/instances/completes/timeline")
    hub.client(hub.new_monitor()).get("/instances/refused/timeline")

    assert [(s["element"], s["status"]) for s in timeline["steps"]] == [
        ("credit", "undone"),
        ("order", "undone"),
        ("reserve", "rejected"),
    ]
    order = timeline["steps"][1]
    assert (order["name"], order["kind"], order["duration_ms"]) == ("Create sales order", "serviceTask", 1_000)
    assert order["undo"]["operation"] == "sys.order-undo"
    assert order["undo"]["duration_ms"] == 1_000
    assert timeline["instance"]["status"] == "compensated"
    assert hub.coordinator.asked == ["diagram p 1"]


def test_a_timeline_can_do_without_the_coordinator(client: httpx.Client, hub: Any) -> None:
    hub.coordinator.away = True

    timeline = client.get("/instances/completes/timeline").json()

    assert [(s["element"], s["name"], s["kind"]) for s in timeline["steps"]][1] == ("order", "", "")


def test_an_instance_that_nobody_knows_is_not_found(client: httpx.Client) -> None:
    assert client.get("/instances/nobody/timeline").status_code == 404


def test_incidents_are_listed_until_they_are_resolved(client: httpx.Client) -> None:
    (incident,) = client.get("/incidents").json()["items"]
    both = client.get("/incidents?resolved=true&limit=1").json()
    second = client.get("/incidents", params={"resolved": True, "cursor": both["next_cursor"]}).json()

    assert (incident["instance"], incident["element"], incident["code"]) == ("stuck-undo", "order", "ALREADY_INVOICED")
    assert [both["items"][0]["instance"], second["items"][0]["instance"]] == ["exhausted", "stuck-undo"]
    assert both["items"][0]["resolved_at"] == "2026-01-05T09:03:02.000Z"
    assert client.get("/incidents?instance=completes").json()["items"] == []


def test_totals_and_lag(client: httpx.Client, hub: Any, journal: Journal) -> None:
    hub.publish(journal("dropped")[3])
    hub.follow(1)
    hub.publish(journal("dropped")[0])

    assert client.get("/totals").json() == {"by_status": {"completed": 2, "compensated": 1, "incident": 1}}
    until(lambda: client.get("/lag").json()["queued"] == 1)
    lag = client.get("/lag").json()
    assert (lag["gaps"], lag["newest_at"], lag["compared_at"]) == (1, "2026-01-05T09:03:03.000Z", None)


def test_strangers_are_refused(client: httpx.Client) -> None:
    assert client.get("/instances", headers={"Authorization": "Bearer no"}).status_code == 401


def test_readiness_names_what_is_missing(hub: Any) -> None:
    monitor = hub.new_monitor()
    client = hub.client(monitor)

    before = client.get("/ready")
    monitor.start()

    assert (before.status_code, before.json()["checks"]["running"]) == (503, False)
    until(lambda: client.get("/ready").status_code == 200)
    assert client.get("/ready").json()["checks"] == {"store": True, "broker": True, "prepared": True, "running": True}
