"""Processes that wait: for people, messages and times, and what happens around them."""

import uuid
from typing import Any

from e2e.stacks import Stack, new_key, order
from service_kit.testing.waiting import until


def test_a_person_completes_a_step_and_what_they_said_is_kept(hub: Stack) -> None:
    instance = hub.started("approval", {"order": {"number": "1"}})
    open_step = hub.step(instance, "Approve")

    answer = hub.act(instance, f"steps/{open_step['step']}/complete", output={"approved": True})

    assert open_step["kind"] == "userTask"
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["steps"]) == ("completed", [])
    assert answer.json()["variables"] == {"order": {"number": "1"}, "approved": True}


def test_a_step_that_is_not_open_cannot_be_completed(hub: Stack) -> None:
    instance = hub.started("approval", {})
    step = hub.step(instance, "Approve")["step"]

    no_such_step = hub.act(instance, "steps/999/complete")
    no_such_instance = hub.act("nobody", f"steps/{step}/complete")
    first = hub.act(instance, f"steps/{step}/complete")
    again = hub.act(instance, f"steps/{step}/complete")

    assert no_such_step.status_code in (404, 409)
    assert no_such_instance.status_code == 404
    assert (first.status_code, again.status_code) == (200, 409)


def test_the_same_completion_sent_twice_is_one(hub: Stack) -> None:
    instance = hub.started("approval", {})
    path = f"/instances/{instance}/steps/{hub.step(instance, 'Approve')['step']}/complete"
    key = {"Idempotency-Key": uuid.uuid4().hex}

    answers = [hub.call("POST", path, json={"output": {"said": 1}}, headers=key) for _ in range(2)]
    other = hub.call("POST", path, json={"output": {"said": 2}}, headers=key)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["variables"] == {"said": 1}
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_step_is_not_completed_by_who_may_only_look(hub: Stack) -> None:
    instance = hub.started("approval", {})
    step = hub.step(instance, "Approve")["step"]

    viewer = hub.call("POST", f"/instances/{instance}/steps/{step}/complete", json={}, headers=key_of(hub, "viewer"))
    boss = hub.call("POST", f"/instances/{instance}/steps/{step}/complete", json={}, headers=key_of(hub, "approver"))

    assert (viewer.status_code, boss.status_code) == (403, 200)


def test_a_message_reaches_the_instance_that_waits_for_it(hub: Stack) -> None:
    number, other = new_key(), new_key()
    waits, waits_too = (hub.started("waits-for-payment", {"order": {"number": key}}) for key in (number, other))
    for instance in (waits, waits_too):
        hub.complete(instance, "Prepare")
        hub.step(instance, "Paid")

    hub.send("e2e.paid", number, {"amount": 10})

    assert hub.wait(waits, "completed")["variables"] == {"order": {"number": number}, "amount": 10}
    assert hub.instance(waits_too)["status"] == "waiting"


def test_a_message_that_comes_early_is_kept_and_delivered_once(hub: Stack) -> None:
    number = new_key()
    first, second = (hub.started("waits-for-payment", {"order": {"number": number}}) for _ in range(2))

    hub.send("e2e.paid", number, {"amount": 20})
    hub.complete(first, "Prepare")
    paid = hub.wait(first, "completed")
    hub.complete(second, "Prepare")

    assert paid["variables"]["amount"] == 20
    assert hub.step(second, "Paid")["phase"] == "waiting"


def test_the_same_message_sent_twice_is_one(hub: Stack) -> None:
    number, key = new_key(), {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (hub.started("waits-for-payment", {"order": {"number": number}}) for _ in range(2))
    message = {"name": "e2e.paid", "key": number, "payload": {}}

    sent = [hub.call("POST", "/messages", json=message, headers=key) for _ in range(2)]
    for instance in (first, second):
        hub.complete(instance, "Prepare")
    until(lambda: "completed" in [hub.instance(instance)["status"] for instance in (first, second)])
    hub.send("e2e.paid", number)

    assert [answer.status_code for answer in sent] == [202, 202]
    assert sent[0].json() == sent[1].json()
    assert [hub.wait(instance)["status"] for instance in (first, second)] == ["completed", "completed"]


def test_a_timer_event_waits_as_long_as_it_says(hub: Stack) -> None:
    soon = hub.started("waits-a-second", {"pause": "PT0.2S"})
    later = hub.started("waits-a-second", {"pause": "PT1H"})

    assert hub.wait(soon, "completed")["variables"] == {"pause": "over"}
    assert hub.step(later, "Moment")["phase"] == "waiting"


def test_a_timer_that_says_nonsense_is_an_incident(hub: Stack) -> None:
    instance = hub.started("waits-a-second", {"pause": "soon"})

    stuck = hub.wait(instance, "incident")

    assert stuck["steps"][0]["element"] == "Moment"
    assert stuck["steps"][0]["incident"]["code"]


def test_of_an_answer_and_its_deadline_the_first_wins(hub: Stack) -> None:
    answered, overdue = new_key(), new_key()
    quick = hub.started("first-wins", {"order": {"number": answered}, "deadline": "PT1H"})
    slow = hub.started("first-wins", {"order": {"number": overdue}, "deadline": "PT0.3S"})

    until(lambda: hub.instance(quick)["status"] == "waiting")
    hub.send("e2e.answered", answered, {"by": "mail"})

    assert hub.wait(quick, "completed")["variables"]["result"] == "answered"
    assert hub.wait(slow, "completed")["variables"]["result"] == "overdue"


def test_a_step_that_a_timer_interrupts_is_found_out_about_and_undone(hub: Stack) -> None:
    number = new_key()

    with hub.fault("erp", "delay", operation="erp.create-sales-order", match=number, delay_ms=2500):
        instance = hub.started("impatient", {"order": order(number)})
        ended = hub.wait(instance)

    assert (ended["status"], ended["variables"]["result"]) == ("compensated", "too slow")
    erp = hub.effects(number).erp
    assert (erp.sales_orders_open, erp.sales_orders_cancelled) == (0, 1)


def test_a_step_that_is_quick_enough_is_not_interrupted(hub: Stack) -> None:
    number = new_key()

    ended = hub.wait(hub.started("impatient", {"order": order(number)}))

    assert ended["status"] == "completed", ended
    assert "result" not in ended["variables"]
    assert hub.effects(number).erp.sales_orders_open == 1


def test_a_refusal_goes_the_way_that_is_drawn_for_it(hub: Stack) -> None:
    refused, accepted = new_key(), new_key()

    backorder = hub.wait(hub.started("takes-no-for-an-answer", {"order": order(refused, "MAT-EMPTY")}))
    reserved = hub.wait(hub.started("takes-no-for-an-answer", {"order": order(accepted)}))

    assert (backorder["status"], backorder["variables"]["result"]) == ("completed", "backorder")
    assert (reserved["status"], "result" in reserved["variables"]) == ("completed", False)
    assert hub.effects(refused).wms.reservations_open == 0
    assert hub.effects(accepted).wms.reservations_open == 1


def test_a_refusal_that_nobody_drew_a_way_for_undoes_the_saga(hub: Stack) -> None:
    ended = hub.wait(hub.started("takes-no-for-an-answer", {"order": order(new_key(), "NO-SUCH-MATERIAL")}))

    assert ended["status"] == "compensated"


def test_a_script_computes(hub: Stack) -> None:
    answer = hub.start("sums-up", {"amounts": [1, 2.5, 3]}, {"Prefer": "wait=20"})

    assert answer.json()["variables"]["total"] == 6.5


def test_a_script_that_fails_is_an_incident(hub: Stack) -> None:
    instance = hub.started("sums-up", {"amounts": ["one", "two"]})

    stuck = hub.wait(instance, "incident")

    assert stuck["steps"][0]["element"] == "Sum"


def test_what_a_sub_process_did_is_seen_outside_and_undone_from_outside(hub: Stack) -> None:
    number = new_key()
    instance = hub.started("prepares-inside", {"order": order(number)})
    hub.step(instance, "Check")
    prepared = hub.instance(instance)

    plan = hub.call("GET", f"/instances/{instance}/undo-plan").json()["steps"]
    hub.act(instance, "cancel", undo=True)

    assert prepared["variables"]["result"] == "prepared"
    assert [step["element"] for step in plan] == ["CreateOrder"]
    assert hub.wait(instance)["status"] == "compensated"
    assert hub.effects(number).erp.sales_orders_cancelled == 1


def test_an_error_inside_a_sub_process_leaves_it_and_its_work_can_be_undone(hub: Stack) -> None:
    number = new_key()

    ended = hub.wait(hub.started("prepares-inside", {"order": {**order(number), "implausible": True}}))

    assert (ended["status"], ended["variables"]["result"]) == ("compensated", "refused")
    erp = hub.effects(number).erp
    assert (erp.sales_orders_open, erp.sales_orders_cancelled) == (0, 1)


def test_a_drawn_compensation_handler_wins_over_the_declared_undo(hub: Stack) -> None:
    number = new_key()
    instance = hub.started("has-its-own-undo", {"order": order(number)})
    hub.step(instance, "Approve")

    plan = hub.call("GET", f"/instances/{instance}/undo-plan").json()["steps"]
    hub.complete(instance, "Approve", approved=False)

    assert [(step["element"], step["handler"]) for step in plan] == [("CreateOrder", "CancelWithReason")]
    assert hub.wait(instance)["status"] == "compensated"
    assert hub.effects(number).erp.sales_orders_cancelled == 1
    done = until(lambda: undone(hub, instance))
    assert done == ["CreateOrder"]


def key_of(hub: Stack, role: str) -> dict[str, str]:
    """Authorization by a new key with this role."""
    made = hub.call("POST", "/api-keys", json={"name": new_key(role), "roles": [role]}).json()
    return {"Authorization": f"Bearer {made['key']}"}


def undone(hub: Stack, instance: str) -> list[Any]:
    """The elements of the steps that the timeline shows as undone."""
    steps = hub.call("GET", f"/instances/{instance}/timeline").json()["steps"]
    return [step["element"] for step in steps if step["status"] == "undone"]
