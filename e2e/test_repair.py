"""What operators do: look at the undo plan, stop with or without undo, try again."""

import uuid
from typing import Any

from e2e.stacks import Stack, new_key, order
from service_kit.testing.waiting import until


def test_the_undo_plan_tells_what_a_cancel_then_does(hub: Stack) -> None:
    number, instance = ordered(hub)

    plan = undo_plan(hub, instance)
    cancelled = hub.act(instance, "cancel", undo=True, expected_seq=plan["seq"])

    assert [(step["element"], step["operation"]) for step in plan["steps"]] == [
        ("Reserve", "wms.release-reservation"),
        ("CreateOrder", "erp.cancel-sales-order"),
    ]
    assert [step["undoable"] for step in plan["steps"]] == [True, True]
    assert plan["steps"][1]["input"] == {"number": hub.instance(instance)["variables"]["salesOrder"]["number"]}
    assert cancelled.status_code in (200, 202)  # 202: recorded, and still at it
    assert hub.wait(instance)["status"] == "compensated"
    assert counts(hub, number) == {"orders": (0, 1), "reservations": (0, 1)}


def test_undo_goes_backwards(hub: Stack) -> None:
    _, instance = ordered(hub)

    hub.act(instance, "cancel", undo=True)
    hub.wait(instance, "compensated")

    steps = until(lambda: undone_steps(hub, instance, 2))
    steps.sort(key=lambda step: step["undo"]["ended_at"])
    assert [step["element"] for step in steps] == ["Reserve", "CreateOrder"]


def test_a_cancel_without_undo_leaves_everything_as_it_is(hub: Stack) -> None:
    number, instance = ordered(hub)

    answer = hub.act(instance, "cancel", undo=False)

    assert answer.status_code == 200
    assert hub.wait(instance)["status"] == "cancelled"
    assert counts(hub, number) == {"orders": (1, 0), "reservations": (1, 0)}


def test_an_act_on_an_instance_that_has_moved_on_is_refused(hub: Stack) -> None:
    number, instance = ordered(hub)
    seen = hub.instance(instance)["seq"]

    late = hub.act(instance, "cancel", undo=True, expected_seq=seen - 1)
    in_time = hub.act(instance, "cancel", undo=False, expected_seq=seen)

    assert (late.status_code, late.json()["code"]) == (409, "MOVED")
    assert in_time.status_code == 200
    assert counts(hub, number)["orders"] == (1, 0)


def test_an_ended_instance_cannot_be_cancelled(hub: Stack) -> None:
    instance = hub.started("sums-up", {"amounts": [1]})
    hub.wait(instance, "completed")

    answer = hub.act(instance, "cancel", undo=True)

    assert (answer.status_code, answer.json()["code"]) == (409, "ENDED")


def test_the_same_cancel_sent_twice_is_one(hub: Stack) -> None:
    _, instance = ordered(hub)
    key, body = {"Idempotency-Key": uuid.uuid4().hex}, {"undo": True, "reason": "twice"}

    answers = [hub.call("POST", f"/instances/{instance}/cancel", json=body, headers=key) for _ in range(2)]

    assert {answer.json()["act"]["seq"] for answer in answers} == {answers[0].json()["act"]["seq"]}
    assert hub.wait(instance)["status"] == "compensated"


def test_an_undo_that_is_refused_waits_for_a_person_and_can_be_tried_again(hub: Stack) -> None:
    number, instance = ordered(hub)

    with hub.fault("erp", "refuse", operation="erp.reject-sales-order-item", match=number, times=None):
        hub.act(instance, "cancel", undo=True)
        stuck = hub.wait(instance, "incident")
        (step,) = [step for step in stuck["steps"] if step["incident"]]
        assert counts(hub, number) == {"orders": (1, 0), "reservations": (0, 1)}
    retried = hub.act(instance, f"steps/{step['step']}/retry")

    assert step["incident"]["code"]
    assert retried.status_code in (200, 202)
    assert hub.wait(instance)["status"] == "compensated"
    assert counts(hub, number) == {"orders": (0, 1), "reservations": (0, 1)}


def test_a_step_that_was_tried_often_enough_waits_for_a_person_and_goes_on(hub: Stack) -> None:
    number = new_key()

    with hub.fault("erp", "lock-record", operation="erp.create-sales-order", match=number, times=None):
        instance = hub.started("order-and-hold", {"order": order(number)})
        stuck = hub.wait(instance, "incident")
    retried = hub.act(instance, "retry", expected_seq=stuck["seq"])

    assert [(step["element"], step["attempt"]) for step in stuck["steps"]] == [("CreateOrder", 2)]
    assert retried.status_code in (200, 202)
    hub.step(instance, "Approve")
    assert counts(hub, number) == {"orders": (1, 0), "reservations": (1, 0)}


def test_a_retry_of_what_does_not_wait_for_a_person_is_refused(hub: Stack) -> None:
    _, instance = ordered(hub)

    answer = hub.act(instance, "retry")

    assert answer.status_code == 409


def test_an_operator_needs_a_reason_and_the_audit_trail_keeps_it(hub: Stack) -> None:
    _, instance = ordered(hub)
    reason = f"the customer withdrew {uuid.uuid4().hex}"

    without = hub.call("POST", f"/instances/{instance}/cancel", json={"undo": True})
    hub.act(instance, "cancel", undo=True, reason=reason)

    trail = hub.call("GET", "/audit").json()["items"]
    assert without.status_code == 400
    assert [(entry["operation"], entry["target"]) for entry in trail if entry["reason"] == reason] == [
        ("cancel_instance", instance)
    ]


def ordered(hub: Stack) -> tuple[str, str]:
    """An order number, and its instance that has created and reserved and waits for a person."""
    number = new_key()
    instance = hub.started("order-and-hold", {"order": order(number)})
    hub.step(instance, "Approve")
    return number, instance


def undo_plan(hub: Stack, instance: str) -> dict[str, Any]:
    """As the API tells it."""
    answer = hub.call("GET", f"/instances/{instance}/undo-plan")
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


def undone_steps(hub: Stack, instance: str, count: int) -> list[dict[str, Any]]:
    """The steps that the timeline shows as undone, once there are so many."""
    steps = hub.call("GET", f"/instances/{instance}/timeline").json()["steps"]
    found = [step for step in steps if step["status"] == "undone"]
    return found if len(found) == count else []


def counts(hub: Stack, number: str) -> dict[str, tuple[int, int]]:
    """(open, cancelled) in the sandbox's books."""
    found = hub.effects(number)
    return {
        "orders": (found.erp.sales_orders_open, found.erp.sales_orders_cancelled),
        "reservations": (found.wms.reservations_open, found.wms.reservations_cancelled),
    }
