import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector_crm.adapters.salesforce import Salesforce
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.testing.calls import MakeCall


def change(order: Any, status: str = "in-delivery", expected: str = "confirmed") -> dict[str, Any]:
    return {"order": order["Id"], "status": status, "from": expected}


def fault(sandbox: Any, kind: str, operation: str, order: Any, **more: Any) -> None:
    """Happens to calls that mention this order only: other tests share the sandbox."""
    body = {"system": "crm", "kind": kind, "operation": operation, "match": order["Id"], **more}
    sandbox.call("POST", "faults", body)


def test_an_order_is_read_with_its_lines(sandbox: Any, salesforce: Salesforce, call: MakeCall) -> None:
    # given
    order = sandbox.confirm_order()

    # when
    read = salesforce.read_order(call("read-order", {"id": order["Id"]})).output

    # then
    assert (read["number"], read["status"], read["customer"]) == (order["OrderNumber"], "confirmed", "10100001")
    assert read["totalAmount"] == "52.50"
    assert read["shipTo"]["country"] == "DE"
    assert [(line["line"], line["product"], line["quantity"], line["unit"]) for line in read["lines"]] == [
        ("10", "TG11", 5, "C62"),
        ("20", "MAT-100", 1, "C62"),
    ]


def test_a_status_is_set_and_set_back(sandbox: Any, salesforce: Salesforce, call: MakeCall) -> None:
    # given
    order = sandbox.confirm_order()

    # when
    done = salesforce.update_order_status(call("update-order-status", change(order)))
    back = change(order, done.output["previousStatus"], "in-delivery")
    salesforce.update_order_status(call("update-order-status", back))

    # then
    assert sandbox.history(order["Id"])[-3:] == ["Confirmed", "In Delivery", "Confirmed"]


def test_a_reply_that_is_lost_is_made_good_by_repeating(sandbox: Any, salesforce: Salesforce, call: MakeCall) -> None:
    # given
    order = sandbox.confirm_order()
    update = call("update-order-status", change(order))
    fault(sandbox, "drop-after", "crm.*update*", order)

    # when
    with pytest.raises(Uncertain):
        salesforce.update_order_status(update)
    repeated = salesforce.update_order_status(update)

    # then
    assert repeated.output["previousStatus"] == "confirmed"
    assert sandbox.history(order["Id"]).count("In Delivery") == 1


def test_a_status_that_a_person_set_is_not_overwritten(sandbox: Any, salesforce: Salesforce, call: MakeCall) -> None:
    # given
    order = sandbox.confirm_order()
    sandbox.call("PATCH", f"crm/orders/{order['Id']}", {"status": "Cancelled"})

    # when
    with pytest.raises(Refused) as refused:
        salesforce.update_order_status(call("update-order-status", change(order)))

    # then
    assert refused.value.code == "STATUS_CONFLICT"


def test_tokens_that_were_revoked_are_replaced(sandbox: Any, salesforce: Salesforce, call: MakeCall) -> None:
    # given a token that is in use
    order = sandbox.confirm_order()
    salesforce.read_order(call("read-order", {"id": order["Id"]}))

    # when
    sandbox.call("POST", "crm/revoke-tokens", {})

    # then
    assert salesforce.update_order_status(call("update-order-status", change(order))).output["status"] == "in-delivery"


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("lock-record", {}, NotApplied),
        ("http", {"status": 429, "retry_after": 3}, NotApplied),
        ("http", {"status": 503}, Uncertain),
        ("drop-before", {}, Uncertain),
        ("refuse", {}, Refused),
    ],
)
def test_faults_are_told_apart_by_what_they_prove(
    sandbox: Any, salesforce: Salesforce, call: MakeCall, kind: str, more: dict[str, Any], error: type[Exception]
) -> None:
    # given
    order = sandbox.confirm_order()
    fault(sandbox, kind, "crm.*update*", order, **more)

    # when / then
    with pytest.raises(error):
        salesforce.update_order_status(call("update-order-status", change(order)))
    assert sandbox.history(order["Id"])[-1] == "Confirmed"


def test_an_order_that_is_not_there_is_unknown(salesforce: Salesforce, call: MakeCall) -> None:
    missing = {"Id": "8015e0000000000AAA"}

    for operation, value in (("read-order", {"id": missing["Id"]}), ("update-order-status", change(missing))):
        with pytest.raises(Refused) as refused:
            getattr(salesforce, operation.replace("-", "_"))(call(operation, value))
        assert refused.value.code == "DOCUMENT_UNKNOWN"


def test_only_orders_that_are_confirmed_are_found(sandbox: Any, salesforce: Salesforce) -> None:
    # given
    confirmed, draft = sandbox.confirm_order(), sandbox.confirm_order("Draft")

    # when
    since = datetime.now(UTC) - timedelta(minutes=1)
    found = {record["Id"] for record in salesforce.confirmed_orders(since, time.monotonic() + 10)}

    # then
    assert confirmed["Id"] in found
    assert draft["Id"] not in found


def test_each_confirmed_order_is_an_event_once_also_when_the_crm_shows_it_twice(
    sandbox: Any, salesforce: Salesforce
) -> None:
    # given
    watermark = salesforce.events(None).watermark
    order = sandbox.confirm_order()
    sandbox.call("POST", "faults", {"system": "crm", "kind": "duplicate-event", "match": order["Id"], "times": 3})

    # when
    subjects = []
    for _ in range(3):
        page = salesforce.events(watermark)
        subjects += [event.subject for event in page.events]
        watermark = page.watermark

    # then
    assert subjects == [order["OrderNumber"]]
