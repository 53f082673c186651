"""What people may do beside retrying and cancelling, over the internal API."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from saga_coordinator.app import create_app
from service_kit.http import InternalAuth

pytestmark = pytest.mark.anyio

WHY = {"reason": "a test", "wait": 20}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(hub: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a coordinator that runs."""
    coordinator = hub.new_coordinator(timer_interval=0.05)
    coordinator.start()
    transport = httpx.ASGITransport(create_app(coordinator, "internal", validate_responses=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://c", auth=InternalAuth("internal")) as client:
        yield client
    await asyncio.to_thread(coordinator.stop)


async def started(hub: Any, client: httpx.AsyncClient, process: str, **variables: Any) -> str:
    hub.deploy(process)
    answer = await client.post("/starts", json={"process": process, "variables": variables, "wait": 20})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def open_step(client: httpx.AsyncClient, instance: str, element: str) -> int:
    steps = (await client.get(f"/instances/{instance}")).json()["steps"]
    (step,) = [step["step"] for step in steps if step["element"] == element]
    return int(step)


async def test_an_error_of_whoever_works_on_a_step_takes_its_way(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    instance = await started(hub, client, "throws-from-inside")
    at = f"/instances/{instance}/steps/{await open_step(client, instance, 'repair')}"

    # when
    escalated = await client.post(f"{at}/throw", json={"kind": "escalation", "code": "SLOW", "wait": 20})
    failed = await client.post(f"{at}/throw", json={"kind": "error", "code": "MACHINE_BROKEN", "wait": 20})
    again = await client.post(f"{at}/throw", json={"kind": "error", "code": "MACHINE_BROKEN", "wait": 20})

    # then
    assert [step["element"] for step in escalated.json()["steps"]] == ["repair"]
    assert [step["element"] for step in failed.json()["steps"]] == ["replace"]
    assert (again.status_code, again.json()["code"]) == (409, "NO_SUCH_STEP")


async def test_an_event_happens_because_somebody_says_so(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    instance = await started(hub, client, "throws-from-inside")
    at = f"/instances/{instance}/steps/{await open_step(client, instance, 'repair')}/events"
    seq = (await client.get(f"/instances/{instance}")).json()["seq"]

    # when
    stale = await client.post(f"{at}/paid-early", json={**WHY, "expected_seq": seq - 1})
    wrong = await client.post(f"{at}/end", json=WHY)
    fired = await client.post(f"{at}/paid-early", json={**WHY, "payload": {"amount": 5}, "expected_seq": seq})

    # then
    assert (stale.status_code, stale.json()["code"]) == (409, "MOVED")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "NOT_OPEN")
    assert (fired.json()["status"], fired.json()["variables"]) == ("completed", {"amount": 5})
    assert hub.left() == {"messages": 0, "subscriptions": 0}


async def test_variables_get_new_values_once_for_one_idempotency_key(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    instance = await started(hub, client, "throws-from-inside", customer="1", keep="this")
    act = {**WHY, "values": {"customer": "2"}, "idempotency_key": "k1"}

    # when
    changed = await client.post(f"/instances/{instance}/variables", json=act)
    again = await client.post(f"/instances/{instance}/variables", json=act)
    other = await client.post(f"/instances/{instance}/variables", json={**act, "values": {"customer": "3"}})
    sealed = await client.post(f"/instances/{instance}/variables", json={**WHY, "values": {"a": {"$sealed": "x"}}})
    nobody = await client.post("/instances/nobody/variables", json=act)

    # then
    assert changed.json()["variables"] == {"customer": "2", "keep": "this"}
    assert (again.status_code, again.json()["seq"]) == (200, changed.json()["seq"])
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (sealed.status_code, sealed.json()["code"]) == (422, "SEALED_VALUE")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "NO_SUCH_INSTANCE")


async def test_caller_and_child_are_found_from_each_other(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("named")
    instance = await started(hub, client, "calls-named", order="SO-1")
    await asyncio.to_thread(hub.until, lambda: hub.service.search(parent=instance))
    caller = (await client.get(f"/instances/{instance}")).json()

    # when
    (shown,) = caller["children"]
    child = (await client.get(f"/instances/{shown['id']}")).json()
    plan = (await client.get(f"/instances/{instance}/undo-plan")).json()

    # then
    (step,) = caller["steps"]
    assert (step["child"], shown["process"], caller["parent"], caller["root"]) == (child["id"], "named", None, instance)
    assert (child["parent"], child["root"], child["children"]) == (instance, instance, [])
    assert [(undo["instance"], undo["element"], undo["child"]) for undo in plan["steps"]] == [
        (instance, "inner", child["id"])
    ]


async def test_events_are_for_messages_and_signals_as_they_say(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    instance = await started(hub, client, "waits-for-its-message", order="SO-1")
    event = {"specversion": "1.0", "source": "/crm", "type": "plant.closed", "subject": "SO-1", "data": {}}

    # when
    signal = await client.post("/events", json={"events": [{**event, "id": "1"}], "routing": "signal"})
    wrong = await client.post("/events", json={"events": [{**event, "id": "2"}], "routing": "elsewhere"})
    message = await client.post("/events", json={"events": [{**event, "id": "3"}], "routing": "message"})

    # then
    assert (signal.status_code, wrong.status_code, message.status_code) == (202, 400, 202)
    await asyncio.to_thread(hub.until, lambda: hub.status(instance) == "completed")
