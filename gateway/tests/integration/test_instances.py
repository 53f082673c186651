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
    asked = {"undo": True, "reason": "withdrawn", "expected_seq": 3}
    done = await client.post("/instances/i1/cancel", json=asked, headers={"Prefer": "wait=5"})
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


async def test_an_act_is_answered_with_200_only_when_it_is_done(client: httpx.AsyncClient) -> None:
    # when
    act = {"undo": True, "reason": "withdrawn"}
    recorded = await client.post("/instances/i1/cancel", json=act)
    waited = await client.post("/instances/i1/cancel", json=act, headers={"Prefer": "wait=7"})

    # then
    assert (recorded.status_code, recorded.headers["location"]) == (202, "/instances/i1")
    assert (recorded.json()["status"], recorded.json()["act"]) == ("compensating", {"seq": 4, "done": False})
    assert (waited.status_code, waited.headers["preference-applied"]) == (200, "wait=7")


async def test_steps_and_instances_are_repaired(client: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    # given
    why = {"reason": "the bank called", "expected_seq": 3}

    # when
    answers = [
        await client.post("/instances/i1/steps/7/retry", json={**why, "input": {"customer": "2"}}),
        await client.post("/instances/i1/steps/7/skip", json={**why, "output": {"number": "1"}}),
        await client.post("/instances/i1/steps/7/move", json={**why, "to": "CreateOrder", "undo": True}),
        await client.post("/instances/i1/steps/7/by-hand", json={**why, "evidence": "memo 4711"}),
        await client.post("/instances/i1/steps/7/by-hand", json=why),
        await client.post("/instances/i1/suspend", json=why),
        await client.post("/instances/i1/resume", json=why),
        await client.post("/instances/i1/migrate", json={**why, "version": 2, "elements": {"a": "b"}}),
        await client.post("/processes/hello/migrations", json={"from": 1, "to": 2}),
    ]

    # then
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 400, 200, 200, 200, 200]
    asked = {operation: given for operation, _, given in coordinator.asked}
    assert asked["retry_step"][1]["input"] == {"customer": "2"}
    assert asked["move_step"][1]["to"] == "CreateOrder"
    assert (asked["migrate_instance"]["version"], asked["migrate_instance"]["elements"]) == (2, {"a": "b"})
    assert (asked["migrate_instances"]["from"], asked["migrate_instances"]["to"]) == (1, 2)


async def test_systems_and_processes_are_suspended_by_operators_and_that_is_audited(
    client: httpx.AsyncClient, coordinator: FakeCoordinator, engine: Engine
) -> None:
    # given
    viewer, why = _key(engine, "viewer"), {"reason": "maintenance"}

    # when
    answers = [
        await client.post("/systems/erp/suspend", json=why),
        await client.post("/systems/erp/suspend", json=why, headers=viewer),
        await client.post("/systems/erp/suspend", json={}),
        await client.post("/processes/hello/suspend", json=why),
        await client.post("/processes/hello/resume", json=why),
        await client.post("/systems/erp/resume", json=why),
    ]
    listed = await client.get("/suspensions", headers=viewer)

    # then
    assert [answer.status_code for answer in answers] == [200, 403, 400, 200, 409, 200]
    assert listed.json()["items"][0]["commands_held"] == 3
    acts = (await client.get("/audit")).json()["items"]
    told = {(act["operation"], act["target"], act["reason"], act["status"]) for act in acts}
    assert ("suspend_system", "erp", "maintenance", 200) in told
    assert ("resume_process", "hello", "maintenance", 409) in told
