import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

Create = Callable[..., Any]


def error_of(answer: requests.Response) -> Any:
    return answer.json()["error"]


def reject(erp: requests.Session, order: Any, item: str = "10", etag: str | None = None) -> requests.Response:
    key = f"A_SalesOrderItem(SalesOrder='{order['SalesOrder']}',SalesOrderItem='{item}')"
    headers = {"If-Match": etag or order["__metadata"]["etag"]}
    return erp.patch(key, json={"SalesDocumentRjcnReason": "Z1"}, headers=headers)


def test_a_deep_insert_creates_an_order_and_answers_it_with_its_items(erp: requests.Session, new_order: Create) -> None:
    # when
    order = new_order(RequestedDeliveryDate="/Date(1764547200000)/")

    # then
    assert order["TotalNetAmount"] == "50.00"
    assert order["RequestedDeliveryDate"] == "/Date(1764547200000)/"
    assert order["OverallSDDocumentRejectionSts"] == "A"
    assert re.fullmatch(r"/Date\(\d+\+0000\)/", order["LastChangeDateTime"])
    (item,) = order["to_Item"]["results"]
    assert (item["SalesOrderItem"], item["RequestedQuantity"], item["NetAmount"]) == ("10", "5", "50.00")
    read = erp.get(f"A_SalesOrder('{order['SalesOrder']}')")
    assert read.json()["d"]["PurchaseOrderByCustomer"] == "HUB-A"
    assert "__deferred" in read.json()["d"]["to_Item"]
    assert read.headers["ETag"] == order["__metadata"]["etag"]


def test_a_write_without_the_token_is_refused_and_not_applied(erp: requests.Session, body: Create) -> None:
    for token in ("", "stale"):
        # when
        answer = erp.post("A_SalesOrder", json=body(), headers={"x-csrf-token": token})

        # then
        assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert erp.get("A_SalesOrder").json()["d"]["results"] == []


def test_a_token_without_its_cookie_is_refused(erp: requests.Session, body: Create) -> None:
    # given
    erp.cookies.clear()

    # when
    answer = erp.post("A_SalesOrder", json=body())

    # then
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")


def test_revoked_sessions_need_a_new_token(erp: requests.Session, admin: requests.Session, body: Create) -> None:
    # given
    admin.post("erp/revoke-sessions")
    assert erp.post("A_SalesOrder", json=body()).status_code == 403

    # when
    erp.headers["x-csrf-token"] = erp.get("", headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]

    # then
    assert erp.post("A_SalesOrder", json=body()).status_code == 201


def test_wrong_credentials_are_refused(erp: requests.Session) -> None:
    assert erp.get("A_SalesOrder", auth=("HUB", "wrong")).status_code == 401


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ({"PurchaseOrderByCustomer": "X" * 36}, "PurchaseOrderByCustomer"),
        ({"NoSuchField": "1"}, "NoSuchField"),
        ({"OverallDeliveryStatus": "C"}, "OverallDeliveryStatus"),
        ({"RequestedDeliveryDate": "2026-11-23"}, "RequestedDeliveryDate"),
        ({"SoldToParty": 10100001}, "SoldToParty"),
        ({"SoldToParty": "99"}, "SoldToParty"),
        ({"SoldToParty": ""}, "SoldToParty"),
        ({"SoldToParty": "10100666"}, "SoldToParty"),
        ({"to_Item": [{"Material": "NONE", "RequestedQuantity": "1"}]}, "Material"),
        ({"to_Item": [{"Material": "MAT-100", "RequestedQuantity": 1}]}, "RequestedQuantity"),
        ({"to_Item": [{"Material": "MAT-100", "RequestedQuantity": "0"}]}, "RequestedQuantity"),
        ({"to_Item": [{"Material": "MAT-100", "RequestedQuantity": "NaN"}]}, "RequestedQuantity"),
        ({"to_Item": [{"Material": "MAT-100", "RequestedQuantity": "1", "SalesOrderItem": "x"}]}, "SalesOrderItem"),
    ],
)
def test_a_bad_field_is_refused_with_its_name(
    erp: requests.Session, body: Create, header: dict[str, Any], target: str
) -> None:
    # when
    answer = erp.post("A_SalesOrder", json=body(**header))

    # then
    error = error_of(answer)
    assert answer.status_code == 400
    assert error["message"]["lang"] == "en"
    assert error["innererror"]["errordetails"][0]["target"] == target
    assert error["innererror"]["errordetails"][0]["severity"] == "error"
    assert erp.get("A_SalesOrder").json()["d"]["results"] == []


def test_an_order_is_found_by_the_hubs_key(erp: requests.Session, new_order: Create) -> None:
    # given
    new_order(PurchaseOrderByCustomer="HUB-A")
    wanted = new_order(PurchaseOrderByCustomer="it's")

    # when
    query = "SoldToParty eq '10100001' and PurchaseOrderByCustomer eq 'it''s'"
    answer = erp.get("A_SalesOrder", params={"$filter": query, "$select": "SalesOrder", "$inlinecount": "allpages"})

    # then
    (found,) = answer.json()["d"]["results"]
    assert answer.json()["d"]["__count"] == "1"
    assert set(found) == {"__metadata", "SalesOrder"}
    assert found["SalesOrder"] == wanted["SalesOrder"]


def test_a_list_is_read_in_pages(erp: requests.Session, new_order: Create) -> None:
    # given
    numbers = [new_order()["SalesOrder"] for _ in range(5)]

    # when
    options = {"$top": "2", "$skip": "1", "$orderby": "SalesOrder desc", "$expand": "to_Item"}
    found = erp.get("A_SalesOrder", params=options).json()["d"]["results"]

    # then
    assert [order["SalesOrder"] for order in found] == [numbers[3], numbers[2]]
    assert len(found[0]["to_Item"]["results"]) == 1


@pytest.mark.parametrize(
    "options",
    [{"$filter": "Nope eq '1'"}, {"$filter": "SoldToParty"}, {"$select": "Nope"}, {"$top": "x"}, {"$search": "x"}],
)
def test_a_bad_query_option_is_refused(erp: requests.Session, options: dict[str, str]) -> None:
    answer = erp.get("A_SalesOrder", params=options)
    assert answer.status_code == 400
    assert error_of(answer)["code"]


def test_rejecting_all_items_cancels_the_order_and_gives_the_credit_back(
    erp: requests.Session, admin: requests.Session, new_order: Create
) -> None:
    # given
    item = {"Material": "MAT-100", "RequestedQuantity": "5"}
    order = new_order(to_Item=[item, item])
    path = f"A_SalesOrder('{order['SalesOrder']}')"

    # when
    first = reject(erp, order, "10")
    partly = erp.get(path).json()["d"]
    second = reject(erp, order, "20", etag=first.headers["ETag"])

    # then
    assert (first.status_code, second.status_code) == (204, 204)
    assert partly["OverallSDDocumentRejectionSts"] == "B"
    assert erp.get(path).json()["d"]["OverallSDDocumentRejectionSts"] == "C"
    assert credit(erp)["CreditExposureAmount"] == "0.00"
    actions = [entry["action"] for entry in admin.get("books").json()["erp"]["ledger"]]
    assert actions == ["create", "cancel"]


def test_taking_a_rejection_back_reopens_the_order(
    erp: requests.Session, admin: requests.Session, new_order: Create
) -> None:
    # given
    order = new_order()
    etag = reject(erp, order).headers["ETag"]

    # when
    key = f"A_SalesOrderItem(SalesOrder='{order['SalesOrder']}',SalesOrderItem='10')"
    erp.patch(key, json={"SalesDocumentRjcnReason": ""}, headers={"If-Match": etag})

    # then
    books = admin.get("books").json()["erp"]
    assert books["sales_orders"][0]["state"] == "open"
    assert [entry["action"] for entry in books["ledger"]] == ["create", "cancel", "reopen"]


def test_a_stale_etag_is_refused_with_412_and_a_missing_one_with_428(erp: requests.Session, new_order: Create) -> None:
    # given
    order = new_order()
    path = f"A_SalesOrder('{order['SalesOrder']}')"
    stale = order["__metadata"]["etag"]
    assert erp.patch(path, json={"ShippingCondition": "02"}, headers={"If-Match": stale}).status_code == 204

    # then
    assert reject(erp, order, etag=stale).status_code == 412
    assert erp.patch(path, json={"ShippingCondition": "01"}).status_code == 428
    assert erp.delete(path).status_code == 428
    assert erp.get(path).json()["d"]["ShippingCondition"] == "02"


def test_an_order_with_a_delivery_is_not_rejected(
    erp: requests.Session, admin: requests.Session, new_order: Create
) -> None:
    # given
    order = new_order()
    admin.put(f"erp/sales-orders/{order['SalesOrder']}/delivery-status", json={"status": "C"})

    # when
    answer = reject(erp, order, etag="*")

    # then
    assert (answer.status_code, error_of(answer)["code"]) == (400, "V1/801")


def test_a_deleted_order_is_gone_but_stays_in_the_books(
    erp: requests.Session, admin: requests.Session, new_order: Create
) -> None:
    # given
    path = f"A_SalesOrder('{new_order()['SalesOrder']}')"

    # when
    answer = erp.delete(path, headers={"If-Match": "*"})

    # then
    assert answer.status_code == 204
    assert erp.get(path).status_code == 404
    assert admin.get("books").json()["erp"]["sales_orders"][0]["state"] == "cancelled"


def test_an_item_is_added_and_its_amount_counts(erp: requests.Session, new_order: Create) -> None:
    # given
    path = f"A_SalesOrder('{new_order()['SalesOrder']}')"

    # when
    answer = erp.post(f"{path}/to_Item", json={"Material": "MAT-200", "RequestedQuantity": "0.5"})

    # then
    assert (answer.status_code, answer.json()["d"]["SalesOrderItem"]) == (201, "20")
    assert erp.get(path).json()["d"]["TotalNetAmount"] == "55.00"


@pytest.mark.parametrize(
    "path", ["A_SalesOrder('1')", "A_Nothing", "A_SalesOrderItem(SalesOrder='1',SalesOrderItem='10')"]
)
def test_what_does_not_exist_is_404_with_an_error_body(erp: requests.Session, path: str) -> None:
    answer = erp.get(path)
    assert answer.status_code == 404
    assert error_of(answer)["message"]["value"]


def credit(erp: requests.Session, partner: str = "10100001") -> Any:
    key = f"CreditManagementAccount(BusinessPartner='{partner}',CreditSegment='0000')"
    answer = erp.get(f"/sap/opu/odata/sap/API_CRDTMBUSINESSPARTNER/{key}")
    return answer.json()["d"] if answer.ok else answer.status_code


def test_open_orders_use_credit(erp: requests.Session, new_order: Create) -> None:
    # given
    new_order()

    # then
    assert credit(erp)["CreditExposureAmount"] == "50.00"
    assert credit(erp)["CreditLimitAmount"] == "1000000.00"
    assert credit(erp, "10100666")["CreditAccountIsBlocked"] is True
    assert credit(erp, "99") == 404


def test_the_metadata_names_the_fields_of_this_tenant(erp: requests.Session) -> None:
    answer = erp.get("$metadata")
    assert '<Property Name="PurchaseOrderByCustomer" Type="Edm.String" MaxLength="35"' in answer.text
