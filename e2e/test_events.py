"""Events that come in over HTTP, in each of CloudEvents' modes, start order-to-delivery."""

import json
import uuid
from typing import Any

import pytest
import requests

from e2e.stacks import Stack, new_key, order

BLOCKED = "10100666"  # a customer without credit: the saga ends soon and needs no order in the CRM


@pytest.mark.parametrize("mode", ["binary", "structured", "batch"])
def test_a_confirmed_order_starts_order_to_delivery(hub: Stack, mode: str) -> None:
    number = new_key(mode)

    answer = publish(hub, confirmed(number), mode)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    ended = hub.wait(hub.named(number))
    assert (ended["process"], ended["business_key"], ended["status"]) == ("order-to-delivery", number, "compensated")
    assert ended["variables"]["order"]["customer"] == BLOCKED


def test_an_order_that_several_events_tell_of_is_delivered_once(hub: Stack) -> None:
    # given an order that the CRM and a shop tell of
    number = new_key()
    entered = hub.sandbox.call("POST", "crm/orders", crm_order(number))
    event = confirmed(number, customer="10100001")
    event["data"]["id"] = entered["Id"]
    publish(hub, event, "structured")
    ended = hub.wait(hub.named(number))

    # when another event tells of it after it was delivered
    publish(hub, {**event, "id": uuid.uuid4().hex}, "structured")
    after_it = new_key("after it")
    publish(hub, confirmed(after_it), "structured")
    hub.wait(hub.named(after_it))

    # then
    assert instances(hub, number) == 1
    assert ended["status"] == "completed", ended
    counted = hub.effects(number)
    assert (counted.erp.sales_orders_open, counted.wms.deliveries_open) == (1, 1)
    assert counted.crm.orders_by_status == {"In Delivery": 1}


def test_an_event_that_comes_twice_starts_one_instance(hub: Stack) -> None:
    first, second, third = new_key("first"), new_key("second"), new_key("third")
    event = confirmed(first)
    same_id = {**confirmed(second), "id": event["id"]}

    for sent in (event, event, same_id, confirmed(third)):
        assert publish(hub, sent, "structured").status_code == 202

    hub.named(third)  # whatever came before it has been handled
    hub.named(first)
    assert instances(hub, first) == 1
    assert instances(hub, second) == 0


def test_events_of_one_batch_start_an_instance_each(hub: Stack) -> None:
    numbers = [new_key() for _ in range(5)]

    answer = send(hub, json.dumps([confirmed(number) for number in numbers]), "application/cloudevents-batch+json")

    assert (answer.status_code, answer.json()) == (202, {"accepted": 5})
    assert len({hub.named(number) for number in numbers}) == 5


def test_an_event_that_the_process_does_not_want_starts_nothing(hub: Stack) -> None:
    unwanted, wanted = new_key(), new_key()
    draft = confirmed(unwanted)
    draft["data"]["status"] = "draft"

    publish(hub, draft, "structured")
    publish(hub, confirmed(wanted), "structured")

    hub.named(wanted)
    assert instances(hub, unwanted) == 0


def test_an_event_without_its_attributes_is_refused_and_they_are_named(hub: Stack) -> None:
    without_id = {name: value for name, value in confirmed("x").items() if name != "id"}

    structured = send(hub, json.dumps(without_id), "application/cloudevents+json")
    binary = send(hub, "{}", "application/json", **{"ce-source": "/test", "ce-specversion": "1.0", "ce-id": "1"})

    assert (structured.status_code, binary.status_code) == (400, 400)
    assert structured.json()["errors"][0]["field"] == "id"
    assert binary.json()["errors"][0]["field"] == "ce-type"


def confirmed(number: str, customer: str = BLOCKED) -> dict[str, Any]:
    """The event that an order was confirmed."""
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/e2e/shop",
        "type": "crm.order.confirmed",
        "subject": number,
        "data": order(number, customer=customer),
    }


def crm_order(number: str, status: str = "Confirmed") -> dict[str, Any]:
    """An order as a salesperson enters it."""
    items = [{"material": "MAT-100", "quantity": 1}]
    return {"customer": "10100001", "status": status, "po_number": number, "order_number": number, "items": items}


def publish(hub: Stack, event: dict[str, Any], mode: str) -> requests.Response:
    """Send an event in this mode."""
    if mode == "structured":
        return send(hub, json.dumps(event), "application/cloudevents+json")
    if mode == "batch":
        return send(hub, json.dumps([event]), "application/cloudevents-batch+json")
    attributes = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    return send(hub, json.dumps(event["data"]), "application/json", **attributes)


def send(hub: Stack, body: str, media_type: str, **headers: str) -> requests.Response:
    """POST to /events."""
    return hub.call("POST", "/events", data=body, headers={"Content-Type": media_type, **headers})


def instances(hub: Stack, business_key: str) -> int:
    """How many instances have this business key."""
    return len(hub.call("GET", "/instances", params={"business_key": business_key}).json()["items"])
