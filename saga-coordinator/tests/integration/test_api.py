"""The internal API over a running coordinator; answers are validated against the contract."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from saga_coordinator.testing.tables import decision, file, formula

pytestmark = pytest.mark.anyio

TOKEN = "internal"
XML = {"Content-Type": "application/xml"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(serve: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with serve() as client:
        yield client


def _start(process: str, **fields: Any) -> dict[str, Any]:
    return {"process": process, "variables": {}, "wait": 20, **fields}


async def test_a_start_is_answered_when_it_is_in_the_journal(hub: Any, client: httpx.AsyncClient) -> None:
    hub.deploy("waits-for-message")

    answer = await client.post("/starts", json=_start("waits-for-message", variables={"order": "SO-1"}))

    assert answer.status_code == 201
    assert (await client.get(f"/instances/{answer.json()['id']}")).json()["seq"] >= 1


async def test_a_start_need_not_be_waited_for(hub: Any, client: httpx.AsyncClient) -> None:
    hub.deploy("five-steps")

    answer = await client.post("/starts", json=_start("five-steps", wait=0))

    assert answer.status_code == 202
    instance = answer.json()["id"]
    while (await client.get(f"/instances/{instance}")).status_code == 404:
        await asyncio.sleep(0)


async def test_a_start_may_wait_for_the_end(hub: Any, client: httpx.AsyncClient) -> None:
    hub.deploy("five-steps")

    answer = await client.post("/starts", json=_start("five-steps", wait_end=30))

    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    assert answer.json()["ended_at"] is not None


async def test_the_same_request_at_once_and_again_makes_one_instance(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("five-steps")
    request = _start("five-steps", idempotency_key="k1")

    # when
    answers = await asyncio.gather(*(client.post("/starts", json=request) for _ in range(20)))
    again = await client.post("/starts", json=request)
    other = await client.post("/starts", json={**request, "variables": {"a": 1}})

    # then
    assert {answer.status_code for answer in [*answers, again]} == {201}
    assert len({answer.json()["id"] for answer in [*answers, again]}) == 1
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_callers_with_the_same_idempotency_key_do_not_meet(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("five-steps")
    request = _start("five-steps", idempotency_key="k1")
    named = {"Authorization": f"Bearer {TOKEN}"}

    # when
    answers = [
        await client.post("/starts", json=request, headers={**named, "X-Throughline-Actor": who}, auth=httpx.Auth())
        for who in ("crm", "shop")
    ]

    # then
    assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_a_taken_business_key_is_refused_or_answered_with_its_instance(
    hub: Any, client: httpx.AsyncClient
) -> None:
    # given
    hub.deploy("keyed", "keyed-existing")
    hub.connector.answer = lambda command: None
    order = {"variables": {"order": "SO-1"}}

    # when
    first, second = [await client.post("/starts", json=_start("keyed", **order)) for _ in range(2)]
    third, fourth = [await client.post("/starts", json=_start("keyed-existing", **order)) for _ in range(2)]

    # then
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["code"] == "BUSINESS_KEY_TAKEN"
    assert second.json()["existing_instance"] == first.json()["id"]
    assert (third.status_code, fourth.status_code) == (201, 200)
    assert fourth.json()["id"] == third.json()["id"]


async def test_a_start_that_has_to_wait_for_its_business_key_is_taken(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("keyed-queue")
    hub.connector.answer = lambda command: None
    await client.post("/starts", json=_start("keyed-queue", variables={"order": "SO-1"}))

    # when
    second = await client.post("/starts", json=_start("keyed-queue", variables={"order": "SO-1"}, wait_end=20))

    # then
    assert second.status_code == 202


async def test_an_act_is_recorded_once_and_refused_where_it_makes_no_sense(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("waits-for-message")
    instance = (await client.post("/starts", json=_start("waits-for-message", variables={"order": "1"}))).json()["id"]
    address = f"/instances/{instance}"
    cancel = {"undo": True, "reason": "withdrawn", "idempotency_key": "k1", "wait": 20}

    # when
    moved = await client.post(f"{address}/cancel", json={**cancel, "expected_seq": 99, "idempotency_key": "k0"})
    retried = await client.post(f"{address}/retry", json={"reason": "x", "wait": 20})
    done = await client.post(f"{address}/cancel", json=cancel)
    again = await client.post(f"{address}/cancel", json=cancel)
    other = await client.post(f"{address}/cancel", json={**cancel, "reason": "something else"})
    nowhere = await client.post("/instances/nowhere/cancel", json=cancel)

    # then
    assert (moved.status_code, moved.json()["code"]) == (409, "MOVED")
    assert (retried.status_code, retried.json()["code"]) == (409, "NO_INCIDENT")
    assert done.status_code == again.status_code == 200
    assert done.json()["seq"] == again.json()["seq"]
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "NO_SUCH_INSTANCE")


async def test_what_an_undo_would_do_can_be_seen_before(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("create-two")
    started = await client.post("/starts", json=_start("create-two", wait_end=30))
    address = f"/instances/{started.json()['id']}"

    # when
    plan = (await client.get(f"{address}/undo-plan")).json()

    # then
    assert plan["seq"] == (await client.get(address)).json()["seq"]
    assert (await client.get("/instances/nowhere/undo-plan")).status_code == 404


async def test_nothing_of_an_instance_that_has_ended_would_be_undone(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("create-two")
    ended = (await client.post("/starts", json=_start("create-two", wait_end=30))).json()
    assert ended["ended_at"] is not None

    # when
    plan = (await client.get(f"/instances/{ended['id']}/undo-plan")).json()

    # then
    assert (plan["instance"], plan["seq"], plan["steps"], plan["open"]) == (ended["id"], ended["seq"], [], [])
    assert (plan["possible"], plan["reason"]) == (False, "the instance is completed")


async def test_a_start_may_name_the_event_that_begins_and_bring_its_data(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("started-by-event")
    data = {"number": "SO-1", "total": 200}
    request = _start("started-by-event", element="start", payload=data, idempotency_key="k1", wait_end=30)

    # when
    started = await client.post("/starts", json=request)
    again = await client.post("/starts", json=request)
    other = await client.post("/starts", json={**request, "payload": {**data, "total": 300}})
    unnamed = await client.post("/starts", json=_start("started-by-event"))
    unknown = await client.post("/starts", json=_start("started-by-event", element="only"))
    payloads: list[dict[str, Any]] = [{"number": {}}, {"total": 200}]
    keyless = [
        await client.post("/starts", json=_start("started-by-event", element="start", payload=given))
        for given in payloads
    ]

    # then
    assert (started.status_code, started.json()["status"]) == (201, "completed")
    assert (started.json()["business_key"], started.json()["variables"]) == ("SO-1", data)
    assert again.json()["id"] == started.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "UNKNOWN_ELEMENT")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "UNKNOWN_ELEMENT")
    assert [(each.status_code, each.json()["code"]) for each in keyless] == [(422, "BUSINESS_KEY")] * 2
    needed = "and a key is a text or a number."
    assert [each.json()["detail"] for each in keyless] == [
        f"The start event finds no business key: number gives an object, {needed}",
        f"The start event finds no business key: number gives nothing (null), {needed}",
    ]


async def test_a_start_that_names_no_beginning_is_told_which_there_are(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("started-by-event")

    # when
    unnamed = await client.post("/starts", json=_start("started-by-event"))
    unknown = await client.post("/starts", json=_start("started-by-event", element="only"))

    # then
    told = "started-by-event cannot tell where to begin: name one of its start events as `element` (start)."
    assert unnamed.json()["detail"] == told
    assert unknown.json()["detail"] == "only is not a start event of started-by-event, which has: start."


async def test_a_refusal_begins_with_an_expression_as_it_is_written(hub: Any, client: httpx.AsyncClient) -> None:
    hub.deploy("keyed")

    refused = await client.post("/starts", json=_start("keyed", variables={}))

    assert refused.json()["detail"] == "order gives no business key for these variables."


async def test_a_secret_is_shown_as_one_and_nothing_of_it(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("keeps-secrets")
    variables = {"order": "SO-1", "customer": {"iban": "DE89370400440532013000", "name": "Ada"}}
    request = _start("keeps-secrets", variables=variables, idempotency_key="k1")

    # when
    started = await client.post("/starts", json=request)
    again = await client.post("/starts", json=request)
    address = f"/instances/{started.json()['id']}"
    while (shown := (await client.get(address)).json())["status"] != "waiting":
        await asyncio.sleep(0)
    entries = (await client.get(f"{address}/journal?from=1&limit=50")).text

    # then
    assert again.json()["id"] == started.json()["id"]
    assert shown["variables"]["customer"] == {"iban": {"$sealed": True}, "name": "Ada"}
    assert hub.state(started.json()["id"]).scopes[1].variables["customer"]["iban"]["$sealed"] not in entries
    assert "DE89" not in started.text + entries


async def test_what_a_person_enters_in_secret_may_be_sent_again(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("keeps-secrets")
    started = (await client.post("/starts", json=_start("keeps-secrets", variables={"order": "SO-1"}))).json()
    address = f"/instances/{started['id']}"
    while (shown := (await client.get(address)).json())["status"] != "waiting":
        await asyncio.sleep(0)
    (step,) = shown["steps"]
    body = {"output": {"chosen": {"password": "correct horse"}}, "idempotency_key": "p1", "wait": 20}

    # when
    done = await client.post(f"{address}/steps/{step['step']}/complete", json=body)
    again = await client.post(f"{address}/steps/{step['step']}/complete", json=body)
    echoed = await client.post(
        f"{address}/steps/{step['step']}/complete", json={"output": {"chosen": {"password": {"$sealed": True}}}}
    )

    # then
    assert (done.status_code, again.status_code) == (200, 200)
    assert done.json()["variables"]["employee"] == {"password": {"$sealed": True}}
    assert (echoed.status_code, echoed.json()["code"]) == (422, "SEALED_VALUE")


async def test_a_follower_finds_out_what_it_missed(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("five-steps")
    started = (await client.post("/starts", json=_start("five-steps", wait_end=30))).json()

    # when
    digests = (await client.get("/digests")).json()["items"]
    entries = (await client.get(f"/instances/{started['id']}/journal?from=2&limit=3")).json()["items"]

    # then
    assert digests == [{"instance": started["id"], "seq": started["seq"]}]
    assert [entry["seq"] for entry in entries] == [2, 3, 4]
    assert all(entry["process"] == "five-steps" and entry["facts"] for entry in entries)


async def test_a_diagram_is_checked_deployed_and_read_back(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    file = (hub.processes / "five-steps.bpmn").read_bytes()

    # when
    checked = await client.post("/processes?dry_run=true", content=file, headers=XML)
    nothing = (await client.get("/processes")).json()["items"]
    deployed = await client.post("/processes", content=file, headers=XML)
    again = await client.post("/processes", content=file, headers=XML)

    # then
    assert (checked.status_code, checked.json()["deployed"], nothing) == (200, False, [])
    assert (deployed.status_code, again.status_code) == (201, 200)
    assert (await client.get("/processes/five-steps/versions/1/xml")).content == file
    assert (await client.get("/processes/five-steps/versions/2/xml")).status_code == 404


SECOND = (
    b'<process id="second" isExecutable="true"><startEvent id="s2"/><endEvent id="e2"/>'
    b'<sequenceFlow id="f2" sourceRef="s2" targetRef="e2"/></process></definitions>'
)


async def test_every_executable_process_of_a_file_is_deployed_or_none(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    both = (hub.processes / "five-steps.bpmn").read_bytes().replace(b"</definitions>", SECOND)

    # when
    refused = await client.post("/processes", content=both.replace(b'targetRef="e2"', b""), headers=XML)
    nothing = (await client.get("/processes")).json()["items"]
    checked = await client.post("/processes?dry_run=true", content=both, headers=XML)
    deployed = await client.post("/processes", content=both, headers=XML)

    # then
    assert (refused.status_code, nothing) == (422, [])
    assert checked.json()["others"] == [{"process": "second", "version": None, "deployed": False}]
    assert (deployed.status_code, deployed.json()["process"]) == (201, "five-steps")
    assert deployed.json()["others"] == [{"process": "second", "version": 1, "deployed": True}]
    assert (await client.get("/processes/second/versions/1/xml")).content == both


@pytest.mark.parametrize("name", ["订单处理", "Bestellung-für.Werk_2"])
async def test_processes_are_called_as_their_people_call_them(hub: Any, client: httpx.AsyncClient, name: str) -> None:
    file = (hub.processes / "five-steps.bpmn").read_bytes().replace(b'"five-steps"', f'"{name}"'.encode())

    deployed = await client.post("/processes", content=file, headers=XML)
    started = await client.post("/starts", json=_start(name))

    assert (deployed.status_code, started.status_code) == (201, 201)
    assert (await client.get(f"/processes/{name}/versions/1/xml")).content == file


async def test_a_process_that_nobody_could_address_is_refused(hub: Any, client: httpx.AsyncClient) -> None:
    file = (hub.processes / "five-steps.bpmn").read_bytes().replace(b'"five-steps"', b'"' + b"x" * 121 + b'"')

    answer = await client.post("/processes", content=file, headers=XML)

    assert [finding["rule"] for finding in answer.json()["findings"]] == ["bad-id"]


@pytest.mark.parametrize(("file", "rule"), [(b"<a", "malformed-xml"), (b"<a/>", "not-bpmn")])
async def test_a_diagram_that_cannot_run_is_refused_with_its_findings(
    hub: Any, client: httpx.AsyncClient, file: bytes, rule: str
) -> None:
    answer = await client.post("/processes", content=file, headers=XML)

    assert answer.status_code == 422
    assert [finding["rule"] for finding in answer.json()["findings"]] == [rule]
    assert (await client.get("/processes")).json()["items"] == []


async def test_an_event_reaches_the_instance_that_waits_for_it(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("waits-for-message")
    waiting = asyncio.create_task(
        client.post("/starts", json=_start("waits-for-message", variables={"order": "SO-1"}, wait_end=30))
    )

    # when
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/t",
        "type": "invoice.paid",
        "subject": "SO-1",
        "data": {"by": "x"},
    }
    sent = await client.post("/events", json={"events": [event]})

    # then
    assert sent.status_code == 202
    assert (await waiting).json()["status"] == "completed"


async def test_readiness_names_what_is_checked(client: httpx.AsyncClient) -> None:
    assert set((await client.get("/ready")).json()["checks"]) == {"store", "broker", "prepared", "running"}


async def test_an_event_says_itself_how_long_it_is_kept_while_nobody_waits(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("waits-for-message")
    event = {"specversion": "1.0", "source": "/t", "type": "invoice.paid", "data": {}}

    # when
    over = {**event, "id": "1", "subject": "SO-1", "ttl": 0}
    kept = {**event, "id": "2", "subject": "SO-2", "ttl": 60}
    await client.post("/events", json={"events": [over, kept]})
    variables = [{"order": "SO-2"}, {"order": "SO-1"}]  # once the second event has come, the first has, too
    early = await client.post("/starts", json=_start("waits-for-message", variables=variables[0], wait_end=30))
    late = await client.post("/starts", json=_start("waits-for-message", variables=variables[1]))

    # then
    assert (early.json()["status"], late.json()["status"]) == ("completed", "waiting")


async def test_decisions_are_deployed_listed_and_read(client: httpx.AsyncClient) -> None:
    # given
    xml = file(decision("discount", formula("1"), name="Discount"))

    # when
    checked = await client.post("/decisions?dry_run=true", content=xml, headers=XML)
    deployed = await client.post("/decisions", content=xml, headers=XML)
    again = await client.post("/decisions", content=xml, headers=XML)

    # then
    assert [answer.status_code for answer in (checked, deployed, again)] == [200, 201, 200]
    assert checked.json()["decisions"] == [{"decision": "discount", "version": None, "deployed": False}]
    assert deployed.json()["decisions"] == [{"decision": "discount", "version": 1, "deployed": True}]
    assert again.json()["decisions"] == [{"decision": "discount", "version": 1, "deployed": False}]
    (listed,) = (await client.get("/decisions")).json()["items"]
    assert (listed["decision"], listed["version"], listed["name"]) == ("discount", 1, "Discount")
    assert (await client.get("/decisions/discount/versions")).json()["items"] == [listed]
    assert (await client.get("/decisions/discount/versions/1/xml")).content == xml
    assert (await client.get("/decisions/discount/versions/2/xml")).status_code == 404
    assert (await client.get("/decisions/other/versions")).status_code == 404


async def test_decisions_that_cannot_run_are_refused_with_every_finding(client: httpx.AsyncClient) -> None:
    answer = await client.post("/decisions", content=file(decision("d", "")), headers=XML)

    assert answer.status_code == 422
    assert [finding["rule"] for finding in answer.json()["findings"]] == ["missing-decision-logic"]
    assert (await client.get("/decisions")).json()["items"] == []


async def test_a_process_tells_which_decisions_it_asks(hub: Any, client: httpx.AsyncClient) -> None:
    diagram = (hub.processes / "asks-discount.bpmn").read_bytes()
    refused = await client.post("/processes?dry_run=true", content=diagram, headers=XML)
    await client.post("/decisions", content=file(decision("discount", formula("1"))), headers=XML)

    assert [finding["rule"] for finding in refused.json()["findings"]] == ["unknown-decision"] * 2
    assert (await client.post("/processes", content=diagram, headers=XML)).status_code == 201
    (row,) = (await client.get("/processes")).json()["items"]
    assert row["decisions"] == {"discount": 1}
