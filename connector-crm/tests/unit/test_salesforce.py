import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from responses import matchers

from connector_crm.adapters.salesforce import Salesforce
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain

TOKEN = "https://crm.example/services/oauth2/token"
DATA = "https://crm.example/services/data/v62.0"
RECORD = f"{DATA}/sobjects/Order/801A"
CHANGE = {"order": "801A", "status": "in-delivery", "from": "confirmed"}


def give_token(network: responses.RequestsMock, value: str = "T1") -> Any:
    return network.post(TOKEN, json={"access_token": value, "instance_url": "https://crm.example"})


def give_order(network: responses.RequestsMock, status: str, modified: str = "2026-11-23T04:40:00.123+0000") -> None:
    network.get(RECORD, json={"Id": "801A", "Status": status, "LastModifiedDate": modified})


def refuse(code: str) -> list[dict[str, Any]]:
    return [{"message": "no", "errorCode": code, "fields": []}]


def test_a_status_is_set_on_an_order_that_nobody_modified_since(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given
    login = give_token(network)
    give_order(network, "Confirmed")
    patched = network.patch(RECORD, status=204)

    # when
    completed = salesforce.update_order_status(call("update-order-status", CHANGE))

    # then
    request = patched.calls[0].request
    assert json.loads(request.body or "") == {"Status": "In Delivery", "Hub_Status_Key__c": "7F3K2A9QXM1B"}
    assert request.headers["If-Unmodified-Since"] == "Mon, 23 Nov 2026 04:40:00 GMT"
    assert request.headers["Authorization"] == "Bearer T1"
    assert parse_qs(str(login.calls[0].request.body))["grant_type"] == ["client_credentials"]
    assert completed.output == {"order": "801A", "status": "in-delivery", "previousStatus": "confirmed"}


def test_a_status_that_is_set_already_changes_nothing_and_keeps_what_it_was_before(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given a repeated call
    give_token(network)
    give_order(network, "In Delivery")

    # when
    completed = salesforce.update_order_status(call("update-order-status", CHANGE))

    # then
    assert completed.output["previousStatus"] == "confirmed"
    assert [one.request.method for one in network.calls] == ["POST", "GET"]


def test_a_status_that_a_person_set_is_not_overwritten(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    give_order(network, "Cancelled")

    # when
    with pytest.raises(Refused) as refused:
        salesforce.update_order_status(call("update-order-status", CHANGE))

    # then
    assert refused.value.code == "STATUS_CONFLICT"
    assert refused.value.details == {"status": "cancelled"}


def test_an_order_that_was_modified_meanwhile_is_read_again(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    give_order(network, "Confirmed")
    give_order(network, "Confirmed", "2026-11-23T04:41:00.000+0000")
    network.patch(RECORD, status=412, json=refuse("PRECONDITION_FAILED"))
    network.patch(RECORD, status=204)

    # when
    completed = salesforce.update_order_status(call("update-order-status", CHANGE))

    # then
    assert completed.output["status"] == "in-delivery"


def test_a_token_that_expired_is_replaced_once(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network, "stale")
    give_token(network, "fresh")
    network.get(RECORD, status=401, json=refuse("INVALID_SESSION_ID"))
    network.get(
        RECORD,
        json={"Id": "801A", "Status": "In Delivery", "LastModifiedDate": "2026-11-23T04:40:00.123+0000"},
        match=[matchers.header_matcher({"Authorization": "Bearer fresh"})],
    )

    # when
    completed = salesforce.update_order_status(call("update-order-status", CHANGE))

    # then
    assert completed.output["status"] == "in-delivery"
    assert len(network.calls) == 4


def test_nothing_was_applied_when_no_token_was_given(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given
    network.post(TOKEN, status=400, json={"error": "invalid_client"})

    # when
    with pytest.raises(NotApplied) as later:
        salesforce.update_order_status(call("update-order-status", CHANGE))

    # then
    assert (later.value.retry_after or 0) >= 60


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "UNABLE_TO_LOCK_ROW", NotApplied),
        (403, "REQUEST_LIMIT_EXCEEDED", NotApplied),
        (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Refused),
        (404, "NOT_FOUND", Refused),
        (503, "SERVER_UNAVAILABLE", Uncertain),
    ],
)
def test_errors_are_told_apart_by_what_they_prove(
    salesforce: Salesforce,
    network: responses.RequestsMock,
    call: Any,
    status: int,
    code: str,
    error: type[Exception],
) -> None:
    # given
    give_token(network)
    give_order(network, "Confirmed")
    network.patch(RECORD, status=status, json=refuse(code))

    # when / then
    with pytest.raises(error):
        salesforce.update_order_status(call("update-order-status", CHANGE))


def record(number: str) -> dict[str, Any]:
    items = [
        {
            "Product2": {"ProductCode": "TG11", "QuantityUnitOfMeasure": "Each"},
            "Quantity": 5.0,
            "Description": None,
        }
    ]
    return {
        "Id": "801A",
        "OrderNumber": number,
        "Status": "Confirmed",
        "PoNumber": "PO-7781",
        "EffectiveDate": "2026-11-23",
        "Requested_Delivery_Date__c": "2026-12-01",
        "CurrencyIsoCode": "EUR",
        "TotalAmount": 1250.5,
        "ShippingStreet": None,
        "ShippingCity": "Hamburg",
        "ShippingPostalCode": "20095",
        "ShippingState": None,
        "ShippingCountry": "Germany",
        "LastModifiedDate": "2026-11-23T04:40:00.123+0000",
        "SystemModstamp": "2026-11-23T04:40:00.123+0000",
        "Account": {"AccountNumber": "10100001", "Name": "Muster AG"},
        "OrderItems": {"totalSize": 1, "done": True, "records": items},
    }


def test_an_order_is_read_with_its_lines(salesforce: Salesforce, network: responses.RequestsMock, call: Any) -> None:
    # given
    give_token(network)
    network.get(f"{DATA}/query", json={"totalSize": 1, "done": True, "records": [record("00000101")]})

    # when
    completed = salesforce.read_order(call("read-order", {"id": "801A"}))

    # then
    assert completed.output == {
        "id": "801A",
        "number": "00000101",
        "status": "confirmed",
        "customer": "10100001",
        "customerReference": "PO-7781",
        "orderDate": "2026-11-23",
        "requestedDeliveryDate": "2026-12-01",
        "currency": "EUR",
        "totalAmount": "1250.50",
        "shipTo": {"name": "Muster AG", "postalCode": "20095", "city": "Hamburg", "country": "DE"},
        "lines": [{"line": "10", "product": "TG11", "quantity": 5, "unit": "C62"}],
    }


def test_an_id_that_is_not_there_is_unknown_and_its_quotes_stay_inside(
    salesforce: Salesforce, network: responses.RequestsMock, call: Any
) -> None:
    # given
    give_token(network)
    asked = network.get(f"{DATA}/query", json={"totalSize": 0, "done": True, "records": []})

    # when
    with pytest.raises(Refused) as refused:
        salesforce.read_order(call("read-order", {"id": "' OR Id != '"}))

    # then
    assert refused.value.code == "DOCUMENT_UNKNOWN"
    (soql,) = parse_qs(str(asked.calls[0].request.url).partition("?")[2])["q"]
    assert soql.endswith(r"WHERE Id = '\' OR Id != \''")


def test_confirmed_orders_come_page_by_page(salesforce: Salesforce, network: responses.RequestsMock) -> None:
    # given
    give_token(network)
    following = "/services/data/v62.0/query/01g-2000"
    asked = network.get(
        f"{DATA}/query", json={"done": False, "nextRecordsUrl": following, "records": [record("00000101")]}
    )
    network.get(f"https://crm.example{following}", json={"done": True, "records": [record("00000102")]})

    # when
    since = datetime(2026, 11, 23, 4, 38, tzinfo=UTC)
    found = list(salesforce.confirmed_orders(since, deadline=float("inf")))

    # then
    assert [one["OrderNumber"] for one in found] == ["00000101", "00000102"]
    (soql,) = parse_qs(str(asked.calls[0].request.url).partition("?")[2])["q"]
    assert "SystemModstamp >= 2026-11-23T04:38:00.000Z AND Status IN ('Confirmed')" in soql
