"""Operators repair instances over the internal API: each act on both pairs, and answered when its effect happened."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service_kit.messages import Command, CommandKind, Completed, Outcome, Probed, ProbeVerdict, Rejected, Unavailable

pytestmark = pytest.mark.anyio

WHY = {"reason": "a test", "wait": 20}
NS = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:tl="urn:throughline:bpmn:1"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:test"'
)
CREATE = (
    '<extensionElements><tl:operation name="erp.create-order"/><tl:input target="to" source="to"/>'
    '<tl:retry attempts="1" first="PT0.1S"/></extensionElements>'
)


def line(*nodes: str, process: str = "mended") -> bytes:
    """A process of these nodes, one after the other; each is an id and a kind, with a colon between."""
    parts = [node.split(":") for node in nodes]
    drawn = [f'<{kind} id="{id_}">{CREATE if kind == "serviceTask" else ""}</{kind}>' for id_, kind in parts]
    flows = [
        f'<sequenceFlow id="{before}-{after}" sourceRef="{before}" targetRef="{after}"/>'
        for (before, _), (after, _) in itertools.pairwise(parts)
    ]
    body = "".join([*drawn, *flows])
    return f'<definitions {NS}><process id="{process}" isExecutable="true">{body}</process></definitions>'.encode()


ORDER = ("start:startEvent", "create:serviceTask", "ship:serviceTask", "approve:userTask", "end:endEvent")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(serve: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(timer_interval=0.05, suspension_interval=0.05) as client:
        yield client


async def started(hub: Any, client: httpx.AsyncClient, **variables: Any) -> str:
    hub.service.deploy(line(*ORDER), "mended")
    answer = await client.post("/starts", json={"process": "mended", "variables": variables, "wait": 20})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def stands(hub: Any, client: httpx.AsyncClient, instance: str, *statuses: str) -> dict[str, Any]:
    """The instance, once it has one of these statuses."""
    await asyncio.to_thread(hub.until, lambda: hub.status(instance) in statuses)
    found: dict[str, Any] = (await client.get(f"/instances/{instance}")).json()
    return found


def step_of(instance: dict[str, Any], element: str) -> str:
    (step,) = [step["step"] for step in instance["steps"] if step["element"] == element]
    return f"/instances/{instance['id']}/steps/{step}"


def refusing_undo(command: Command) -> Outcome | None:
    if command.kind is CommandKind.PROBE:
        return Probed(verdict=ProbeVerdict.ABSENT)
    return Rejected(code="CLOSED") if command.operation == "erp.cancel-order" else Completed(output={})


async def test_a_step_that_is_stuck_is_tried_again_with_another_input(hub: Any, client: httpx.AsyncClient) -> None:
    # given a system that takes no orders to nowhere
    away = lambda command: Unavailable() if command.input["to"] == "nowhere" else Completed(output={})  # noqa: E731
    hub.connector.answer = away
    instance = await started(hub, client, to="nowhere")
    seen = await stands(hub, client, instance, "incident")

    # when
    retry = f"{step_of(seen, 'create')}/retry"
    again = await client.post(retry, json={**WHY, "wait_done": 20})
    mended = await client.post(retry, json={**WHY, "input": {"to": "berlin"}, "wait_done": 20})
    late = await client.post(retry, json=WHY)

    # then it was tried each time, at last with what is right; what is asked for next is not what was edited
    assert (again.status_code, again.json()["act"]["done"], again.json()["status"]) == (200, True, "incident")
    assert (mended.status_code, mended.json()["act"]["done"], late.status_code) == (200, True, 409)
    tries = [command for command in hub.connector.commands if command.step == hub.connector.commands[0].step]
    assert [command.input["to"] for command in tries] == ["nowhere", "nowhere", "berlin"]
    assert len({command.hub_key for command in tries}) == 1
    assert (await stands(hub, client, instance, "incident"))["steps"][0]["element"] == "ship"


async def test_moving_back_with_undo_is_done_when_the_token_is_there(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    instance = await started(hub, client, to="a")
    seen = await stands(hub, client, instance, "waiting")

    # when
    act = {**WHY, "to": "ship", "undo": True, "variables": {"to": "b"}, "expected_seq": seen["seq"], "wait_done": 20}
    stale = await client.post(f"{step_of(seen, 'approve')}/move", json={**act, "expected_seq": 1})
    wrong = await client.post(f"{step_of(seen, 'approve')}/move", json={**act, "to": "nowhere"})
    moved = await client.post(f"{step_of(seen, 'approve')}/move", json=act)
    after = await stands(hub, client, instance, "waiting")

    # then one was undone, and done again with what is right
    assert (stale.status_code, stale.json()["code"]) == (409, "MOVED")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "UNKNOWN_ELEMENT")
    assert (moved.status_code, moved.json()["act"]) == (200, {"seq": seen["seq"] + 1, "done": True})
    sent = [(command.operation, command.input.get("to")) for command in hub.connector.commands]
    assert sent[:2] == [("erp.create-order", "a")] * 2
    assert sent[2][0] == "erp.cancel-order"
    assert sent[3] == ("erp.create-order", "b")
    assert (len(sent), after["variables"]["to"]) == (4, "b")


async def test_a_step_is_skipped_with_an_output(hub: Any, client: httpx.AsyncClient) -> None:
    instance = await started(hub, client, to="a")
    seen = await stands(hub, client, instance, "waiting")

    skipped = await client.post(f"{step_of(seen, 'approve')}/skip", json={**WHY, "output": {"approved": True}})

    assert (skipped.status_code, skipped.json()["act"]["done"]) == (200, True)
    assert (skipped.json()["status"], skipped.json()["variables"]["approved"]) == ("completed", True)


async def test_a_cancel_is_under_way_until_everything_is_undone(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    instance = await started(hub, client, to="a")
    await stands(hub, client, instance, "waiting")
    hub.connector.answer = refusing_undo

    # when the undo is refused, and then was done by hand
    cancel = {**WHY, "undo": True, "wait_done": 20, "idempotency_key": "c"}
    stuck = await client.post(f"/instances/{instance}/cancel", json=cancel)
    seen = await stands(hub, client, instance, "incident")
    (step,) = [step["step"] for step in seen["steps"] if step["incident"]]
    at = f"/instances/{instance}/steps/{step}/by-hand"
    unproven = await client.post(at, json=WHY)
    by_hand = await client.post(at, json={**WHY, "evidence": "memo 4711"})
    hub.connector.answer = lambda command: Completed(output={})
    rest = await stands(hub, client, instance, "incident")
    (step,) = [step["step"] for step in rest["steps"] if step["incident"]]
    await client.post(f"/instances/{instance}/steps/{step}/retry", json={**WHY, "wait_done": 20})
    done = await client.post(f"/instances/{instance}/cancel", json=cancel)

    # then
    assert (stuck.status_code, stuck.json()["status"], stuck.json()["act"]["done"]) == (202, "incident", False)
    assert unproven.status_code == 400
    assert (by_hand.status_code, by_hand.json()["act"]["done"]) == (200, True)
    assert (done.status_code, done.json()["status"], done.json()["act"]["done"]) == (200, "compensated", True)


async def test_an_instance_is_suspended_and_resumed(hub: Any, client: httpx.AsyncClient) -> None:
    instance = await started(hub, client, to="a")
    await stands(hub, client, instance, "waiting")

    answers = [await client.post(f"/instances/{instance}/{act}", json=WHY) for act in ("suspend", "suspend", "resume")]
    again = await client.post(f"/instances/{instance}/resume", json=WHY)

    assert [answer.status_code for answer in answers] == [200, 409, 200]
    assert [answers[0].json()["status"], answers[1].json()["code"]] == ["suspended", "SUSPENDED"]
    assert (again.status_code, again.json()["code"]) == (409, "NOT_SUSPENDED")


async def test_an_instance_goes_on_in_another_version(hub: Any, client: httpx.AsyncClient) -> None:
    # given an instance, and a version in which its step has another name
    instance = await started(hub, client, to="a")
    await stands(hub, client, instance, "waiting")
    hub.service.deploy(line(*(node.replace("approve", "decide") for node in ORDER)), "mended")

    # when
    migrate = f"/instances/{instance}/migrate"
    nowhere = await client.post(migrate, json={**WHY, "version": 7})
    same = await client.post(migrate, json={**WHY, "version": 1})
    lost = await client.post(migrate, json={**WHY, "version": 2})
    migrated = await client.post(migrate, json={**WHY, "version": 2, "elements": {"approve": "decide"}})

    # then
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "NO_SUCH_VERSION")
    assert (same.status_code, same.json()["code"]) == (409, "SAME_VERSION")
    assert (lost.status_code, lost.json()["code"]) == (409, "CANNOT_MIGRATE")
    assert "approve is open, and is not there" in lost.json()["detail"]
    assert (migrated.json()["version"], [step["element"] for step in migrated.json()["steps"]]) == (2, ["decide"])
    assert hub.service.instances([instance])[instance].version == 2
    completed = await client.post(f"{step_of(migrated.json(), 'decide')}/complete", json={"wait": 20})
    assert (completed.json()["status"], hub.replayed(instance).version) == ("completed", 2)


async def test_many_instances_go_on_in_another_version_and_those_that_cannot_are_named(
    hub: Any, client: httpx.AsyncClient
) -> None:
    # given four that wait for approval and one that waits for something else, which is not in the new version
    ids = [await started(hub, client, to="a") for _ in range(5)]
    for instance in ids:
        seen = await stands(hub, client, instance, "waiting")
    hub.connector.answer = lambda command: None
    moved = await client.post(f"{step_of(seen, 'approve')}/move", json={**WHY, "to": "ship"})
    hub.service.deploy(line("start:startEvent", "create:serviceTask", "approve:userTask", "end:endEvent"), "mended")
    at, asked = "/processes/mended/migrations", {"from": 1, "to": 2}

    # when
    dry = (await client.post(at, json={**asked, "limit": 3})).json()
    rest = (await client.post(at, json={**asked, "limit": 3, "after": dry["next"]})).json()
    before = {hub.service.instances([id_])[id_].version for id_ in ids}
    no_reason = await client.post(at, json={**asked, "dry_run": False})
    some = (await client.post(at, json={**asked, **WHY, "dry_run": False, "instances": [ids[0], "nobody"]})).json()
    real = (await client.post(at, json={**asked, **WHY, "dry_run": False})).json()

    # then
    assert moved.status_code == 200
    assert {item["instance"] for item in (*dry["items"], *rest["items"])} == set(ids)
    assert (rest["next"], before, no_reason.status_code) == (None, {1}, 400)
    assert {item["instance"]: item["result"] for item in some["items"]} == {ids[0]: "migrated", "nobody": "cannot"}
    told = {item["instance"]: (item["result"], item["problems"]) for item in real["items"]}
    assert told.pop(ids[-1]) == ("cannot", ["ship is open, and is not there"])
    assert told == {id_: ("migrated", []) for id_ in ids[1:4]}
    assert [item["result"] for item in (*dry["items"], *rest["items"])].count("can") == 4
    assert all(item["undo_plan_survives"] for item in dry["items"])


async def test_a_called_instance_is_migrated_beside_its_caller(hub: Any, client: httpx.AsyncClient) -> None:
    # given
    hub.deploy("named", "calls-named")
    start = {"process": "calls-named", "variables": {"order": "SO-1"}, "wait": 20}
    caller = (await client.post("/starts", json=start)).json()["id"]
    await asyncio.to_thread(hub.until, lambda: hub.service.search(parent=caller))
    (child,) = hub.service.search(parent=caller)
    await stands(hub, client, child.id, "waiting")
    hub.service.deploy(line("start:startEvent", "look:userTask", "end:endEvent", process="named"), "named")

    # when
    body = {**WHY, "from": 1, "to": 2, "elements": {"check": "look"}, "dry_run": False}
    (item,) = (await client.post("/processes/named/migrations", json=body)).json()["items"]
    seen = await stands(hub, client, child.id, "waiting")
    await client.post(f"{step_of(seen, 'look')}/complete", json={"wait": 20})

    # then
    assert (item["instance"], item["result"], seen["version"]) == (child.id, "migrated", 2)
    assert (await stands(hub, client, caller, "completed"))["version"] == 1


async def test_an_undo_plan_tells_what_is_open_and_why_it_cannot_be_carried_out(
    hub: Any, client: httpx.AsyncClient
) -> None:
    # given
    hub.connector.answer = lambda command: Completed(output={}) if len(hub.connector.commands) == 1 else None
    instance = await started(hub, client, to="a")
    await asyncio.to_thread(hub.until, lambda: len(hub.connector.commands) == 2)
    address = f"/instances/{instance}/undo-plan"

    # when
    plan = (await client.get(address)).json()
    hub.connector.answer = lambda command: Completed(output={})
    await client.post(f"/instances/{instance}/cancel", json={**WHY, "undo": False})
    after = (await client.get(address)).json()

    # then
    assert [step["element"] for step in plan["steps"]] == ["create"]
    assert [(step["element"], step["operation"]) for step in plan["open"]] == [("ship", "erp.create-order")]
    assert (plan["possible"], plan["reason"]) == (True, None)
    assert (after["possible"], "cancelled" in after["reason"]) == (False, True)


async def test_a_dry_run_to_the_same_version_tells_what_the_migration_tells(
    hub: Any, client: httpx.AsyncClient
) -> None:
    # given
    instance = await started(hub, client, to="a")
    at, asked = "/processes/mended/migrations", {"from": 1, "to": 1}

    # when
    alone = await client.post(f"/instances/{instance}/migrate", json={**WHY, "version": 1})
    dry = (await client.post(at, json=asked)).json()
    real = (await client.post(at, json={**asked, **WHY, "dry_run": False})).json()

    # then
    told = [(item["result"], item["code"], item["problems"]) for item in (*dry["items"], *real["items"])]
    assert told == [("cannot", "SAME_VERSION", ["the instance is in version 1"])] * 2
    assert (alone.json()["code"], alone.json()["detail"]) == ("SAME_VERSION", "The instance is in version 1.")


async def test_an_unknown_version_cannot_be_migrated_to(hub: Any, client: httpx.AsyncClient) -> None:
    await started(hub, client, to="a")

    answer = await client.post("/processes/mended/migrations", json={"from": 1, "to": 9})

    assert answer.status_code == 404


async def test_a_start_of_a_suspended_process_is_refused_and_can_be_repeated_later(
    hub: Any, client: httpx.AsyncClient
) -> None:
    # given
    hub.deploy("five-steps")
    start = {"process": "five-steps", "variables": {}, "wait": 20, "idempotency_key": "k"}
    before = await client.post("/starts", json={**start, "idempotency_key": "before"})

    # when
    suspended = await client.post("/processes/five-steps/suspend", json={"reason": "a test"})
    twice = await client.post("/processes/five-steps/suspend", json={"reason": "a test"})
    refused = await client.post("/starts", json=start)
    again = await client.post("/starts", json={**start, "idempotency_key": "before"})
    listed = (await client.get("/suspensions")).json()["items"]
    await client.post("/processes/five-steps/resume", json={"reason": "over"})
    repeated = await client.post("/starts", json=start)

    # then
    assert (suspended.status_code, twice.status_code, twice.json()["code"]) == (200, 409, "SUSPENDED")
    assert (refused.status_code, refused.json()["code"]) == (409, "PROCESS_SUSPENDED")
    assert again.json()["id"] == before.json()["id"]
    assert [(row["kind"], row["name"], row["reason"]) for row in listed] == [("process", "five-steps", "a test")]
    assert repeated.status_code == 201


async def test_nobody_suspends_a_process_that_is_not_deployed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/processes/nothing/suspend", json={"reason": "a test"})).status_code == 404
