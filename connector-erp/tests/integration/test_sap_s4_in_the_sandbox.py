from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connector_erp.adapters.sap_s4 import SapS4
from service_kit.connector.call import Call
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.messages import ProbeVerdict
from service_kit.testing.calls import MakeCall


def order(*products: str, customer: str = "10100001") -> dict[str, Any]:
    lines = [
        {"line": str(10 * n), "product": product, "quantity": 2, "unit": "C62"} for n, product in enumerate(products, 1)
    ]
    return {"customer": customer, "currency": "EUR", "requestedDeliveryDate": "2026-12-01", "lines": lines}


def fault(sandbox: Any, kind: str, operation: str, call: Call, **more: Any) -> None:
    """Happens to calls that mention this test's hub key only: other tests share the sandbox."""
    body = {"system": "erp", "kind": kind, "operation": operation, "match": call.hub_key, **more}
    sandbox.call("POST", "faults", body)


def test_an_order_is_created_read_and_cancelled(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11", "MAT-100", "MAT-200"))

    # when
    created = sap.create_sales_order(create)
    number = {"number": created.references["salesOrder"]}
    read = sap.read_sales_order(call("read-sales-order", number))
    cancelled = sap.cancel_sales_order(call("cancel-sales-order", number))
    again = sap.cancel_sales_order(call("cancel-sales-order", number))

    # then
    assert (created.output["status"], read.output["status"]) == ("open", "open")
    assert read.output["lines"] == create.input["lines"]
    assert read.output["totalAmount"] == "60.00"
    assert (cancelled.output["status"], again.output["status"]) == ("cancelled", "cancelled")
    (booked,) = sandbox.orders(create.hub_key)
    assert (booked["state"], booked["business_key"]) == ("cancelled", create.business_key)


def test_a_reply_that_is_lost_leaves_one_order_that_the_probe_finds(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11"))
    fault(sandbox, "drop-after", "erp.create-sales-order", create)

    # when
    with pytest.raises(Uncertain):
        sap.create_sales_order(create)
    found = sap.probe_create_sales_order(create)

    # then
    (booked,) = sandbox.orders(create.hub_key)
    assert found.verdict is ProbeVerdict.APPLIED
    assert found.references == {"salesOrder": booked["number"]}


def test_a_request_that_is_lost_leaves_nothing_to_find(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11"))
    fault(sandbox, "drop-before", "erp.create-sales-order", create)

    # when
    with pytest.raises(Uncertain):
        sap.create_sales_order(create)

    # then
    assert sap.probe_create_sales_order(create).verdict is ProbeVerdict.ABSENT
    assert sandbox.orders(create.hub_key) == []


def test_a_cancelled_order_is_no_longer_found_by_the_probe(sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11"))
    created = sap.create_sales_order(create)

    # when
    sap.cancel_sales_order(call("cancel-sales-order", {"number": created.references["salesOrder"]}))

    # then
    assert sap.probe_create_sales_order(create).verdict is ProbeVerdict.ABSENT


def test_two_orders_with_one_hub_key_are_reported_and_not_chosen_from(sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11"))
    numbers = [sap.create_sales_order(create).references["salesOrder"] for _ in range(2)]

    # when
    found = sap.probe_create_sales_order(create)

    # then
    assert (found.verdict, found.documents) == (ProbeVerdict.SEVERAL, numbers)


def test_sessions_that_the_erp_ended_are_opened_again_by_all_threads(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given a session that is in use
    sap.create_sales_order(call("create-sales-order", order("TG11")))

    # when
    sandbox.call("POST", "erp/revoke-sessions", {})
    with ThreadPoolExecutor(8) as threads:
        calls = [call("create-sales-order", order("TG11")) for _ in range(8)]
        created = list(threads.map(sap.create_sales_order, calls))

    # then
    assert len({completed.references["salesOrder"] for completed in created}) == 8


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (order("TG11", customer="99999999"), "CUSTOMER_UNKNOWN"),
        (order("TG11", customer="10100666"), "CREDIT_BLOCKED"),
        (order("NO-SUCH"), "PRODUCT_UNKNOWN"),
    ],
)
def test_the_erp_refuses_for_its_own_reasons(sap: SapS4, call: MakeCall, wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        sap.create_sales_order(call("create-sales-order", wrong))

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("close-period", {}, Refused),
        ("lock-record", {}, NotApplied),
        ("http", {"status": 429, "retry_after": 3}, NotApplied),
        ("http", {"status": 503}, Uncertain),
        ("http", {"status": 500}, Uncertain),
    ],
)
def test_faults_are_told_apart_by_what_they_prove(
    sandbox: Any, sap: SapS4, call: MakeCall, kind: str, more: dict[str, Any], error: type[Exception]
) -> None:
    # given
    create = call("create-sales-order", order("TG11"))
    fault(sandbox, kind, "erp.create-sales-order", create, **more)

    # when / then
    with pytest.raises(error):
        sap.create_sales_order(create)
    assert sandbox.orders(create.hub_key) == []


def test_an_erp_that_is_down_has_certainly_done_nothing(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11"))
    down = sandbox.call("POST", "faults", {"system": "erp", "kind": "down"})

    # when
    with pytest.raises(NotApplied):
        sap.create_sales_order(create)
    sandbox.call("DELETE", f"faults/{down['id']}")

    # then the same adapter works again
    assert sap.create_sales_order(create).output["status"] == "open"


def test_an_answer_that_takes_too_long_is_uncertain(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given
    create = call("create-sales-order", order("TG11"), timeout=0.5)
    fault(sandbox, "delay", "erp.create-sales-order", create, delay_ms=1500)

    # when / then
    with pytest.raises(Uncertain):
        sap.create_sales_order(create)


def test_an_order_that_is_being_delivered_is_not_cancelled(sandbox: Any, sap: SapS4, call: MakeCall) -> None:
    # given
    number = sap.create_sales_order(call("create-sales-order", order("TG11"))).references["salesOrder"]
    sandbox.call("PUT", f"erp/sales-orders/{number}/delivery-status", {"status": "B"})

    # when
    with pytest.raises(Refused) as refused:
        sap.cancel_sales_order(call("cancel-sales-order", {"number": number}))

    # then
    assert refused.value.code == "COMPENSATION_NOT_POSSIBLE"


def test_a_cancellation_that_broke_off_in_the_middle_is_finished_by_the_next_one(
    sandbox: Any, sap: SapS4, call: MakeCall
) -> None:
    # given
    create = call("create-sales-order", order("TG11", "MAT-100"))
    number = {"number": sap.create_sales_order(create).references["salesOrder"]}
    fault(sandbox, "drop-after", "erp.reject-sales-order-item", create)
    with pytest.raises(Uncertain):
        sap.cancel_sales_order(call("cancel-sales-order", number))

    # when
    finished = sap.cancel_sales_order(call("cancel-sales-order", number))

    # then
    assert finished.output["status"] == "cancelled"
    assert [booked["state"] for booked in sandbox.orders(create.hub_key)] == ["cancelled"]


@pytest.mark.parametrize(
    ("customer", "approved", "reason"),
    [("10100002", True, "ok"), ("10100009", False, "limit-exceeded"), ("10100666", False, "blocked")],
)
def test_credit_is_asked_for(sap: SapS4, call: MakeCall, customer: str, approved: bool, reason: str) -> None:
    # when
    question = {"customer": customer, "amount": "100.01", "currency": "EUR"}
    credit = sap.check_credit(call("check-credit", question)).output

    # then
    assert (credit["approved"], credit["reason"]) == (approved, reason)


def test_an_unknown_customer_has_no_credit_account(sap: SapS4, call: MakeCall) -> None:
    with pytest.raises(Refused) as refused:
        sap.check_credit(call("check-credit", {"customer": "404", "amount": "1", "currency": "EUR"}))

    assert refused.value.code == "CUSTOMER_UNKNOWN"
