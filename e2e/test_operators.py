"""What operators do to repair what went wrong, on real systems; the auditor looks what came of it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2e.stacks import Stack, new_key, order
from service_kit.testing.waiting import until

PATIENT = {"Prefer": "wait=30"}
TWO_DESKS = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="urn:throughline:e2e">
  <process id="{id}" isExecutable="true">
    <startEvent id="Start"/><exclusiveGateway id="Which" default="to-office"/>
    <userTask id="Office"/>{cellar}<endEvent id="End"/>
    <sequenceFlow id="Start-Which" sourceRef="Start" targetRef="Which"/>
    <sequenceFlow id="to-office" sourceRef="Which" targetRef="Office"/>
    <sequenceFlow id="Office-End" sourceRef="Office" targetRef="End"/>
  </process>
</definitions>"""
CELLAR = """<userTask id="Cellar"/>
    <sequenceFlow id="to-cellar" sourceRef="Which" targetRef="Cellar">
      <conditionExpression>desk = "cellar"</conditionExpression></sequenceFlow>
    <sequenceFlow id="Cellar-End" sourceRef="Cellar" targetRef="End"/>"""


def test_an_order_that_is_stuck_on_a_wrong_input_goes_on_with_an_edited_one(hub: Stack) -> None:
    # given
    number = new_key()
    instance = hub.started("must-order", {"order": order(number, material="NO-SUCH")})
    stuck = hub.wait(instance, "incident")
    (step,) = stuck["steps"]
    wanted = order(number)
    right = {"sourceOrder": number, "customer": wanted["customer"], "lines": wanted["lines"]}

    # when
    body = {"reason": "a wrong number", "input": right, "expected_seq": stuck["seq"]}
    path = f"/instances/{instance}/steps/{step['step']}/retry"
    mended = hub.call("POST", path, json=body, headers=PATIENT)

    # then
    assert (mended.status_code, mended.json()["act"]["done"]) == (200, True), mended.text
    assert hub.wait(instance)["status"] == "completed"
    assert hub.effects(number).erp.sales_orders_open == 1
    timeline = until(lambda: told(hub, instance, "retry"))
    assert (timeline["by"], timeline["message"]) == ("key:admin", "a wrong number")
    assert timeline["before"]["status"] == "incident"
    assert timeline["before"]["input"]["lines"][0]["product"] == "NO-SUCH"
    assert timeline["after"]["input"] == right
    (incident,) = hub.call("GET", "/incidents", params={"instance": instance, "resolved": "true"}).json()["items"]
    assert incident["resolved_by"] == "key:admin"


def told(hub: Stack, instance: str, act: str) -> dict[str, Any]:
    """The act as the timeline tells it."""
    events = hub.call("GET", f"/instances/{instance}/timeline").json()["events"]
    found: list[dict[str, Any]] = [event for event in events if event["fact"] == act]
    return found[0] if found else {}


def test_an_order_that_is_moved_back_with_undo_leaves_one_of_each_document(hub: Stack) -> None:
    # given
    number = new_key()
    instance = hub.started("order-and-hold", {"order": order(number)})
    step = hub.step(instance, "Approve")

    # when
    move = {"to": "CreateOrder", "undo": True, "reason": "the customer wants it otherwise"}
    path = f"/instances/{instance}/steps/{step['step']}/move"
    moved = hub.call("POST", path, json=move, headers=PATIENT)
    hub.step(instance, "Approve")

    # then
    assert (moved.status_code, moved.json()["act"]["done"]) == (200, True), moved.text
    found = hub.effects(number)
    assert (found.erp.sales_orders_open, found.erp.sales_orders_cancelled) == (1, 1)
    assert (found.wms.reservations_open, found.wms.reservations_cancelled) == (1, 1)


def test_fifty_instances_are_migrated_but_the_five_that_cannot_be(hub: Stack) -> None:
    # given
    process = f"desks-{uuid.uuid4().hex[:8]}"
    hub.api.deploy(TWO_DESKS.format(id=process, cellar=CELLAR).encode())
    desks = ["cellar" if n % 10 == 0 else "office" for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda desk: hub.started(process, {"desk": desk}), desks))
    stay = {id_ for id_, desk in zip(ids, desks, strict=True) if desk == "cellar"}
    hub.api.deploy(TWO_DESKS.format(id=process, cellar="").encode())
    path, asked = f"/processes/{process}/migrations", {"from": 1, "to": 2}

    # when
    dry = hub.call("POST", path, json=asked).json()
    real = hub.call("POST", path, json={**asked, "dry_run": False, "reason": "the cellar is closed"}).json()

    # then
    assert len(dry["items"]) == len(real["items"]) == 50
    for page, good in ((dry, "can"), (real, "migrated")):
        assert {item["instance"] for item in page["items"] if item["result"] == "cannot"} == stay
        assert {item["result"] for item in page["items"] if item["instance"] not in stay} == {good}
    assert {tuple(item["problems"]) for item in real["items"] if item["instance"] in stay} == {
        ("Cellar is open, and is not there",)
    }
    hub.complete(ids[1], "Office")
    assert hub.wait(ids[1])["version"] == 2
    assert hub.instance(ids[0])["version"] == 1


def test_orders_wait_for_a_suspended_system_and_each_is_placed_once(hub: Stack) -> None:
    # given a system that is suspended in the middle of a storm
    numbers = [new_key() for _ in range(50)]
    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda number: start(hub, number), numbers[:20]))
        suspended = hub.call("POST", "/systems/erp/suspend", json={"reason": "maintenance"})
        try:
            until(lambda: all(hub.call("GET", "/suspensions").json()["items"]))
            rest = list(pool.map(lambda number: start(hub, number), numbers[20:]))
            held = until(lambda: commands_held(hub))
            waiting = [hub.effects(number).erp.sales_orders_open for number in numbers[-10:]]
        finally:
            resumed = hub.call("POST", "/systems/erp/resume", json={"reason": "over"})

    # when it is resumed
    for instance in (*first, *rest):
        hub.step(instance, "Approve", seconds=60)

    # then
    assert (suspended.status_code, resumed.status_code) == (200, 200)
    assert held > 0
    assert waiting == [0] * 10
    found = [hub.effects(number) for number in numbers]
    assert {(each.erp.sales_orders_open, each.erp.sales_orders_cancelled) for each in found} == {(1, 0)}
    assert {(each.wms.reservations_open, each.wms.reservations_cancelled) for each in found} == {(1, 0)}


def start(hub: Stack, number: str) -> str:
    """An order that is created, reserved, and then waits for a person."""
    return hub.started("order-and-hold", {"order": order(number)})


def commands_held(hub: Stack) -> int:
    """How many commands the suspended ERP holds back, once that is as many as orders began lately."""
    (erp,) = [row for row in hub.call("GET", "/suspensions").json()["items"] if row["name"] == "erp"]
    held: int = erp["commands_held"]
    return held if held >= 10 else 0


def test_a_suspended_process_starts_nothing_by_request_and_loses_nothing(hub: Stack) -> None:
    # given an instance of it
    process = f"desks-{uuid.uuid4().hex[:8]}"
    hub.api.deploy(TWO_DESKS.format(id=process, cellar="").encode())
    instance = hub.started(process, {"desk": "office"})

    # when
    hub.call("POST", f"/processes/{process}/suspend", json={"reason": "a mistake in it"})
    hub.wait(instance, "suspended")
    refused = hub.start(process, {"desk": "office"})
    hub.call("POST", f"/processes/{process}/resume", json={"reason": "it was none"})

    # then
    assert (refused.status_code, refused.json()["code"]) == (409, "PROCESS_SUSPENDED")
    hub.wait(instance, "waiting")
    hub.started(process, {"desk": "office"})
