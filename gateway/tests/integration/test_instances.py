"""Reading and steering instances, over stand-ins for the services behind."""

import httpx
import pytest
from sqlalchemy import Engine

from gateway.store import Store
from gateway.testing import FakeCoordinator, FakeMonitor

pytestmark = pytest.mark.anyio


def _key(engine: Engine, *roles: str) -> dict[str, str]:
    _, text = Store(engine).create_key("-".join(roles), roles, "test")
    return {"Authorization": f"Bearer {text}"}


# -- reading


async def test_an_instance_is_read_from_the_coordinator(client: httpx.AsyncClient) -> None:
    assert (await client.get("/instances/i1")).json()["seq"] == 3
    assert (await client.get("/instances/i2")).status_code == 404


async def test_a_search_goes_to_the_monitor_with_its_conditions(
    client: httpx.AsyncClient, monitor: FakeMonitor
) -> None:
    conditions = {"document": "4711", "status": "running,incident", "from": "2026-01-05T00:00:00Z", "limit": "5"}

    answer = await client.get("/instances", params=conditions)

    assert answer.json()["items"][0]["documents"][0]["number"] == "4711"
    assert monitor.searches == [conditions]


@pytest.mark.parametrize("query", ["status=asleep", "from=yesterday", "limit=0", "colour=red", "limit=x"])
async def test_a_search_with_a_wrong_condition_is_refused_naming_it(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/instances?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_incidents_come_from_the_monitor(client: httpx.AsyncClient, monitor: FakeMonitor) -> None:
    answer = await client.get("/incidents?instance=i1&resolved=true")

    assert answer.json()["items"][0]["code"] == "RETRIES_EXHAUSTED"
    assert monitor.searches == [{"instance": "i1", "resolved": "true", "limit": "50"}]


async def test_a_timeline_comes_from_the_monitor(client: httpx.AsyncClient) -> None:
    assert (await client.get("/instances/i1/timeline")).json()["instance"]["id"] == "i1"


# -- operating


async def test_an_operators_act_is_recorded_with_its_reason_and_left_in_the_audit_trail(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    # when
    done = await client.post("/instances/i1/cancel", json={"undo": True, "reason": "withdrawn", "expected_seq": 3})
    refused = await client.post("/instances/i1/cancel", json={"undo": True, "reason": "late", "expected_seq": 2})

    # then
    assert (done.status_code, refused.status_code, refused.json()["code"]) == (200, 409, "MOVED")
    assert coordinator.asked[0][:2] == ("cancel_instance", "key:admin")
    newest, first = (await client.get("/audit")).json()["items"]
    assert (first["operation"], first["target"], first["reason"], first["status"]) == (
        "cancel_instance",
        "i1",
        "withdrawn",
        200,
    )
    assert (newest["reason"], newest["status"]) == ("late", 409)


async def test_an_act_that_is_not_recorded_in_time_is_answered_with_202(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    coordinator.late = True

    answer = await client.post("/instances/i1/cancel", json={"undo": False, "reason": "x"})

    assert (answer.status_code, answer.headers["location"]) == (202, "/instances/i1")


async def test_steps_are_retried_and_completed(client: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    await client.post("/instances/i1/retry", json={"reason": "it is back"})
    await client.post("/instances/i1/steps/7/retry", json={"reason": "found it", "happened": True, "output": {"n": 1}})
    await client.post("/instances/i1/steps/8/complete", json={"output": {"approved": True}})

    assert [operation for operation, _, _ in coordinator.asked] == ["retry_instance", "retry_step", "complete_step"]
    assert coordinator.asked[1][2][0] == 7
    assert coordinator.asked[2][2][1]["output"] == {"approved": True}


async def test_an_admin_alone_may_erase_and_it_is_audited(
    client: httpx.AsyncClient, engine: Engine, coordinator: FakeCoordinator
) -> None:
    # given
    operator = _key(engine, "operator")
    body = {"reason": "request 17", "identifiers": True}

    # when
    refused = await client.post("/instances/i1/erase", json=body, headers=operator)
    done = await client.post("/instances/i1/erase", json=body)
    without_reason = await client.post("/instances/i1/erase", json={})

    # then
    assert (refused.status_code, done.status_code, without_reason.status_code) == (403, 200, 400)
    ((operation, actor, asked),) = coordinator.asked
    assert (operation, actor, asked["identifiers"], asked["reason"]) == (
        "erase_instance",
        "key:admin",
        True,
        "request 17",
    )
    newest = (await client.get("/audit")).json()["items"][0]
    assert (newest["operation"], newest["target"], newest["reason"]) == ("erase_instance", "i1", "request 17")


async def test_an_approver_may_complete_a_step_and_not_cancel(client: httpx.AsyncClient, engine: Engine) -> None:
    approver = _key(engine, "approver")

    completed = await client.post("/instances/i1/steps/8/complete", json={}, headers=approver)
    cancelled = await client.post("/instances/i1/cancel", json={"undo": True, "reason": "x"}, headers=approver)

    assert (completed.status_code, cancelled.status_code) == (200, 403)


async def test_variables_are_set_and_events_happen_because_an_operator_says_so(
    client: httpx.AsyncClient, coordinator: FakeCoordinator, engine: Engine
) -> None:
    # given
    reason = {"reason": "the bank called", "expected_seq": 3}
    approver = _key(engine, "approver")

    # when
    answers = [
        await client.post("/instances/i1/variables", json={"values": {"a": 1}, "step": 4, **reason}),
        await client.post("/instances/i1.4/steps/7/events/Event_paid", json={"payload": {"n": 1}, **reason}),
        await client.post("/instances/i1/variables", json={"values": {}, **reason}),
        await client.post("/instances/i1/variables", json={"values": {"a": 1}, **reason}, headers=approver),
        await client.post("/instances/i1/steps/7/events/Event_paid", json=reason, headers=approver),
    ]

    # then
    assert [answer.status_code for answer in answers] == [200, 200, 400, 403, 403]
    (_, _, variables), (_, _, (step, element, fired)) = coordinator.asked
    assert (variables["values"], variables["step"], variables["expected_seq"]) == ({"a": 1}, 4, 3)
    assert (step, element, fired["payload"]) == (7, "Event_paid", {"n": 1})
    acts = (await client.get("/audit")).json()["items"]
    told = {(act["operation"], act["target"], act["reason"]) for act in acts}
    assert ("fire_event", "i1.4/7/Event_paid", "the bank called") in told
    assert ("set_variables", "i1", "the bank called") in told


async def test_whoever_works_on_a_step_may_say_that_it_cannot_be_done(
    client: httpx.AsyncClient, coordinator: FakeCoordinator, engine: Engine
) -> None:
    # given
    approver, viewer = _key(engine, "approver"), _key(engine, "viewer")
    broken = {"kind": "error", "code": "MACHINE_BROKEN", "message": "the spindle"}

    # when
    answers = [
        await client.post("/instances/i1/steps/7/throw", json=broken, headers=approver),
        await client.post("/instances/i1/steps/7/throw", json=broken, headers=viewer),
        await client.post("/instances/i1/steps/7/throw", json={**broken, "kind": "surprise"}, headers=approver),
    ]

    # then
    assert [answer.status_code for answer in answers] == [200, 403, 400]
    ((operation, _, (step, thrown)),) = coordinator.asked
    assert (operation, step, thrown["kind"], thrown["code"]) == ("throw_from_step", 7, "error", "MACHINE_BROKEN")
