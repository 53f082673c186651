import json
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from connector_erp.adapters.sap_s4 import SapS4
from service_kit.connector.call import Call
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.messages import ProbeVerdict

ROOT = "https://sap.example/sap/opu/odata/sap/API_SALES_ORDER_SRV"
ACCOUNT = (
    "https://sap.example/sap/opu/odata/sap/API_CRDTMBUSINESSPARTNER"
    "/CreditManagementAccount(BusinessPartner='10100001',CreditSegment='0000')"
)
ORDER = {
    "sourceOrder": "00000101",
    "customer": "10100001",
    "customerReference": "PO-7781",
    "requestedDeliveryDate": "2026-12-01",
    "currency": "EUR",
    "lines": [{"line": "10", "product": "TG11", "quantity": 5, "unit": "C62"}],
}


def entity(rejected: str = "A", delivered: str = "A", reasons: tuple[str, ...] = ("",)) -> dict[str, Any]:
    items = [
        {
            "SalesOrder": "4711",
            "SalesOrderItem": str(10 * n),
            "Material": "TG11",
            "RequestedQuantity": "5",
            "RequestedQuantityUnit": "PC",
            "SalesDocumentRjcnReason": reason,
        }
        for n, reason in enumerate(reasons, 1)
    ]
    return {
        "__metadata": {"etag": 'W/"1"'},
        "SalesOrder": "4711",
        "SoldToParty": "10100001",
        "TransactionCurrency": "EUR",
        "TotalNetAmount": "1250.00",
        "RequestedDeliveryDate": "/Date(1796083200000)/",
        "OverallSDDocumentRejectionSts": rejected,
        "OverallDeliveryStatus": delivered,
        "to_Item": {"results": items},
    }


def give_token(network: responses.RequestsMock, value: str = "T1") -> None:
    network.get(f"{ROOT}/", headers={"x-csrf-token": value, "Set-Cookie": "SAP_SESSIONID=abc; path=/"}, json={"d": {}})


def refuse(code: str, message: str = "no") -> dict[str, Any]:
    detail = {"code": code, "message": message, "severity": "error"}
    return {"error": {"code": "X/1", "message": {"value": "x"}, "innererror": {"errordetails": [detail]}}}


def test_a_sales_order_is_created_with_the_hub_key_the_token_and_its_cookie(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    created = network.post(f"{ROOT}/A_SalesOrder", status=201, json={"d": entity()})

    # when
    completed = sap.create_sales_order(call("create-sales-order", ORDER))

    # then
    request = created.calls[0].request
    sent = json.loads(request.body or "")
    assert sent["PurchaseOrderByCustomer"] == "HUB-7F3K2A9QXM1B"
    assert sent["AssignmentReference"] == "00000101"
    assert sent["RequestedDeliveryDate"] == "/Date(1796083200000)/"
    assert sent["to_Item"] == [
        {"SalesOrderItem": "10", "Material": "TG11", "RequestedQuantity": "5", "RequestedQuantityUnit": "PC"}
    ]
    assert (request.headers["x-csrf-token"], request.headers["Cookie"]) == ("T1", "SAP_SESSIONID=abc")
    assert "sap-client=100" in (request.url or "")
    assert completed.references == {"salesOrder": "4711"}
    assert completed.output == {
        "number": "4711",
        "status": "open",
        "customer": "10100001",
        "requestedDeliveryDate": "2026-12-01",
        "currency": "EUR",
        "totalAmount": "1250.00",
        "lines": [{"line": "10", "product": "TG11", "quantity": 5, "unit": "C62"}],
    }


def test_an_expired_token_is_fetched_once_more_and_the_order_is_sent_again(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network, "stale")
    give_token(network, "fresh")
    network.post(f"{ROOT}/A_SalesOrder", status=403, headers={"x-csrf-token": "Required"})
    fresh = [matchers.header_matcher({"x-csrf-token": "fresh"})]
    network.post(f"{ROOT}/A_SalesOrder", status=201, json={"d": entity()}, match=fresh)

    # when
    completed = sap.create_sales_order(call("create-sales-order", ORDER))

    # then
    assert completed.references == {"salesOrder": "4711"}
    assert len(network.calls) == 4


def test_a_token_that_never_works_is_not_asked_for_again_and_again(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    posted = network.post(f"{ROOT}/A_SalesOrder", status=403, headers={"x-csrf-token": "Required"})

    # when
    with pytest.raises(NotApplied):
        sap.create_sales_order(call("create-sales-order", ORDER))

    # then
    assert posted.call_count == 2


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("VP/199", "CUSTOMER_UNKNOWN"),
        ("V1/382", "PRODUCT_UNKNOWN"),
        ("/IWBEP/X/1", "INVALID_INPUT"),
        ("V9/9", "REFUSED"),
    ],
)
def test_a_refusal_gets_the_canonical_code_of_its_first_error(
    sap: SapS4, network: responses.RequestsMock, call: Any, code: str, canonical: str
) -> None:
    # given
    give_token(network)
    network.post(f"{ROOT}/A_SalesOrder", status=400, json=refuse(code))

    # when
    with pytest.raises(Refused) as refused:
        sap.create_sales_order(call("create-sales-order", ORDER))

    # then
    assert refused.value.code == canonical
    assert refused.value.details == {"vendorCode": code}


def test_a_locked_document_is_tried_again_later(sap: SapS4, network: responses.RequestsMock, call: Any) -> None:
    # given
    give_token(network)
    network.post(f"{ROOT}/A_SalesOrder", status=400, json=refuse("V1/042"))

    # when / then
    with pytest.raises(NotApplied):
        sap.create_sales_order(call("create-sales-order", ORDER))


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_an_answer_that_proves_nothing_leaves_the_create_uncertain(
    sap: SapS4, network: responses.RequestsMock, call: Any, status: int
) -> None:
    # given
    give_token(network)
    network.post(f"{ROOT}/A_SalesOrder", status=status)

    # when / then
    with pytest.raises(Uncertain):
        sap.create_sales_order(call("create-sales-order", ORDER))


def test_an_unreadable_success_leaves_the_create_uncertain(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    network.post(f"{ROOT}/A_SalesOrder", status=201, body="<html>")

    # when / then
    with pytest.raises(Uncertain):
        sap.create_sales_order(call("create-sales-order", ORDER))


def test_a_dropped_connection_leaves_the_create_uncertain(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    network.post(f"{ROOT}/A_SalesOrder", body=requests.ConnectionError("reset"))

    # when / then
    with pytest.raises(Uncertain):
        sap.create_sales_order(call("create-sales-order", ORDER))


def test_nothing_was_applied_when_not_even_a_token_was_given(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    network.get(f"{ROOT}/", status=500)

    # when / then
    with pytest.raises(NotApplied):
        sap.create_sales_order(call("create-sales-order", ORDER))


def test_too_many_requests_say_when_to_come_back(sap: SapS4, network: responses.RequestsMock, call: Any) -> None:
    # given
    give_token(network)
    network.post(f"{ROOT}/A_SalesOrder", status=429, headers={"Retry-After": "7"})

    # when
    with pytest.raises(NotApplied) as later:
        sap.create_sales_order(call("create-sales-order", ORDER))

    # then
    assert later.value.retry_after == 7


def test_a_wrong_password_is_not_tried_again_at_once(sap: SapS4, network: responses.RequestsMock, call: Any) -> None:
    # given
    network.get(f"{ROOT}/", status=401)

    # when
    with pytest.raises(NotApplied) as later:
        sap.create_sales_order(call("create-sales-order", ORDER))

    # then
    assert (later.value.retry_after or 0) >= 60


def probe(found: list[dict[str, Any]], sap: SapS4, network: responses.RequestsMock, call: Any) -> Any:
    wanted = "SoldToParty eq '10100001' and PurchaseOrderByCustomer eq 'HUB-7F3K2A9QXM1B'"
    query = {"$filter": wanted, "$expand": "to_Item", "sap-client": "100"}
    network.get(f"{ROOT}/A_SalesOrder", json={"d": {"results": found}}, match=[matchers.query_param_matcher(query)])
    return sap.probe_create_sales_order(call("create-sales-order", ORDER))


def test_the_probe_finds_the_order_by_customer_and_hub_key(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    found = probe([entity()], sap, network, call)

    assert found.verdict is ProbeVerdict.APPLIED
    assert found.references == {"salesOrder": "4711"}
    assert found.output["number"] == "4711"


def test_the_probe_ignores_orders_that_were_cancelled(sap: SapS4, network: responses.RequestsMock, call: Any) -> None:
    assert probe([entity(rejected="C")], sap, network, call).verdict is ProbeVerdict.ABSENT


def test_the_probe_names_all_orders_where_there_are_several(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    found = probe([entity(), entity()], sap, network, call)

    assert (found.verdict, found.documents) == (ProbeVerdict.SEVERAL, ["4711", "4711"])


def cancel(call: Any) -> Call:
    made: Call = call("cancel-sales-order", {"number": "4711"})
    return made


def test_cancelling_rejects_every_open_item_and_reads_the_order_back(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given an order with one item rejected already; each change makes a new ETag
    give_token(network)
    network.get(f"{ROOT}/A_SalesOrder('4711')", json={"d": entity("B", reasons=("", "Z1", ""))})
    network.get(f"{ROOT}/A_SalesOrder('4711')", json={"d": entity("C", "", reasons=("Z1", "Z1", "Z1"))})
    first = network.patch(
        f"{ROOT}/A_SalesOrderItem(SalesOrder='4711',SalesOrderItem='10')",
        status=204,
        headers={"ETag": 'W/"2"'},
        match=[
            matchers.header_matcher({"If-Match": 'W/"1"', "x-csrf-token": "T1"}),
            matchers.json_params_matcher({"SalesDocumentRjcnReason": "Z1"}),
        ],
    )
    third = network.patch(
        f"{ROOT}/A_SalesOrderItem(SalesOrder='4711',SalesOrderItem='30')",
        status=204,
        match=[matchers.header_matcher({"If-Match": 'W/"2"'})],
    )

    # when
    completed = sap.cancel_sales_order(cancel(call))

    # then
    assert (first.call_count, third.call_count) == (1, 1)
    assert completed.output["status"] == "cancelled"


def test_cancelling_an_order_that_is_cancelled_changes_nothing(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    network.get(f"{ROOT}/A_SalesOrder('4711')", json={"d": entity("C", "", reasons=("Z1",))})

    # when
    completed = sap.cancel_sales_order(cancel(call))

    # then
    assert completed.output["status"] == "cancelled"
    assert len(network.calls) == 1


def test_cancelling_is_not_possible_once_a_delivery_exists(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    network.get(f"{ROOT}/A_SalesOrder('4711')", json={"d": entity(delivered="B")})

    # when
    with pytest.raises(Refused) as refused:
        sap.cancel_sales_order(cancel(call))

    # then
    assert refused.value.code == "COMPENSATION_NOT_POSSIBLE"
    assert refused.value.details == {"number": "4711", "deliveryStatus": "B"}


def test_an_order_that_somebody_changed_meanwhile_is_read_again(
    sap: SapS4, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    path = f"{ROOT}/A_SalesOrderItem(SalesOrder='4711',SalesOrderItem='10')"
    for answer in (entity(), entity(), entity("C", "", reasons=("Z1",))):
        network.get(f"{ROOT}/A_SalesOrder('4711')", json={"d": answer})
    network.patch(path, status=412, json=refuse("/IWBEP/CM_MGW_RT/054"))
    network.patch(path, status=204)

    # when
    completed = sap.cancel_sales_order(cancel(call))

    # then
    assert completed.output["status"] == "cancelled"


def test_a_document_that_is_not_there_is_unknown(sap: SapS4, network: responses.RequestsMock, call: Any) -> None:
    # given
    network.get(f"{ROOT}/A_SalesOrder('4711')", status=404, json=refuse("/IWBEP/CM_MGW_RT/020"))

    # when
    with pytest.raises(Refused) as refused:
        sap.read_sales_order(call("read-sales-order", {"number": "4711"}))

    # then
    assert refused.value.code == "DOCUMENT_UNKNOWN"


@pytest.mark.parametrize(
    ("amount", "blocked", "approved", "reason"),
    [
        ("99.99", False, True, "ok"),
        ("100.00", False, True, "ok"),
        ("100.01", False, False, "limit-exceeded"),
        ("1.00", True, False, "blocked"),
    ],
)
def test_credit_is_what_the_limit_leaves(
    sap: SapS4, network: responses.RequestsMock, call: Any, amount: str, blocked: bool, approved: bool, reason: str
) -> None:
    # given
    account = {
        "BusinessPartner": "10100001",
        "CreditLimitAmount": "1000.00",
        "CreditExposureAmount": "900.00",
        "CreditAccountIsBlocked": blocked,
        "CreditSegmentCurrency": "EUR",
    }
    network.get(ACCOUNT, json={"d": account})

    # when
    question = {"customer": "10100001", "amount": amount, "currency": "EUR"}
    completed = sap.check_credit(call("check-credit", question))

    # then
    assert completed.output == {
        "customer": "10100001",
        "approved": approved,
        "reason": reason,
        "limit": "1000.00",
        "available": "100.00",
        "currency": "EUR",
    }


def test_a_customer_without_credit_account_is_unknown(sap: SapS4, network: responses.RequestsMock, call: Any) -> None:
    # given
    network.get(ACCOUNT, status=404, json=refuse("/IWBEP/CM_MGW_RT/020"))

    # when
    with pytest.raises(Refused) as refused:
        sap.check_credit(call("check-credit", {"customer": "10100001", "amount": "1", "currency": "EUR"}))

    # then
    assert refused.value.code == "CUSTOMER_UNKNOWN"
