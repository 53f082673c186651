import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

Create = Callable[..., Any]
Eventually = Callable[[Callable[[], Any]], Any]


def inject(admin: requests.Session, system: str, kind: str, **fields: Any) -> str:
    answer = admin.post("faults", json={"system": system, "kind": kind, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def orders_in_the_books(admin: requests.Session) -> list[Any]:
    orders: list[Any] = admin.get("books").json()["erp"]["sales_orders"]
    return orders


def test_drop_after_applies_and_closes_the_connection(
    erp: requests.Session, admin: requests.Session, body: Create
) -> None:
    # given
    inject(admin, "erp", "drop-after", operation="erp.create-sales-order", match="SO-1001")

    # when
    with pytest.raises(requests.ConnectionError):
        erp.post("A_SalesOrder", json=body())

    # then
    assert [order["hub_key"] for order in orders_in_the_books(admin)] == ["HUB-A"]
    assert erp.post("A_SalesOrder", json=body()).status_code == 201  # it fired once


def test_drop_before_closes_the_connection_without_applying(
    erp: requests.Session, admin: requests.Session, body: Create
) -> None:
    # given
    inject(admin, "erp", "drop-before", operation="erp.create-*")

    # when
    with pytest.raises(requests.ConnectionError):
        erp.post("A_SalesOrder", json=body())

    # then
    assert orders_in_the_books(admin) == []


def test_an_http_error_carries_retry_after_and_is_not_applied(
    erp: requests.Session, admin: requests.Session, body: Create
) -> None:
    # given
    inject(admin, "erp", "http", status=429, retry_after=7)

    # when
    answer = erp.post("A_SalesOrder", json=body())

    # then
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert orders_in_the_books(admin) == []


def test_a_refusal_is_told_in_the_systems_own_words(
    erp: requests.Session, crm: requests.Session, admin: requests.Session, body: Create, person: Create, staging: Any
) -> None:
    # given
    for system in ("erp", "crm", "wms"):
        inject(admin, system, "refuse", code="Z/001", message="not today")
    order = person()

    # when
    from_erp = erp.post("A_SalesOrder", json=body())
    from_crm = crm.patch(f"sobjects/Order/{order['Id']}", json={"Status": "Completed"})
    from_wms = staging.result("IF_RESERVATION_IN", staging.reserve())

    # then
    assert (from_erp.status_code, from_erp.json()["error"]["code"]) == (400, "Z/001")
    assert (from_crm.status_code, from_crm.json()[0]["message"]) == (400, "not today")
    assert (from_wms.status, from_wms.err_code, from_wms.err_text) == ("E", "Z/001", "not today")


def test_a_locked_record_and_a_closed_period_refuse_changes_but_not_reads(
    erp: requests.Session, admin: requests.Session, new_order: Create, staging: Any
) -> None:
    # given
    path = f"A_SalesOrder('{new_order()['SalesOrder']}')"
    inject(admin, "erp", "lock-record", match="SO-1001", times=None)
    inject(admin, "wms", "close-period")

    # when
    change = erp.patch(path, json={"ShippingCondition": "02"}, headers={"If-Match": "*"})

    # then
    assert (change.status_code, change.json()["error"]["code"]) == (400, "V1/042")
    assert erp.get(path).status_code == 200
    assert staging.result("IF_RESERVATION_IN", staging.reserve()).err_code == "PERIOD_CLOSED"


def test_the_kinds_of_the_crm(crm: requests.Session, admin: requests.Session, person: Create) -> None:
    # given
    path = f"sobjects/Order/{person()['Id']}"
    inject(admin, "crm", "lock-record", operation="crm.update-status")
    inject(admin, "crm", "close-period", operation="crm.update-status")

    # then: the last one that fires answers
    codes = [crm.patch(path, json={"Status": "Completed"}) for _ in range(2)]
    assert codes[0].json()[0]["errorCode"] in ("UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert codes[1].status_code == 204


def test_drop_after_of_a_status_change_in_the_crm_leaves_it_changed(
    crm: requests.Session, admin: requests.Session, person: Create
) -> None:
    # given
    path = f"sobjects/Order/{person()['Id']}"
    inject(admin, "crm", "drop-after", operation="crm.update-status", match="SO-1001")

    # when
    with pytest.raises(requests.ConnectionError):
        crm.patch(path, json={"Status": "Completed"})

    # then
    assert crm.get(path).json()["Status"] == "Completed"


def test_an_undo_is_matched_by_the_document_that_it_addresses(
    erp: requests.Session, admin: requests.Session, new_order: Create
) -> None:
    # given
    order, other = new_order(), new_order(PurchaseOrderByCustomer="HUB-B", AssignmentReference="SO-1002")
    inject(admin, "erp", "drop-after", operation="erp.reject-sales-order-item", match="SO-1001")

    def reject(which: Any) -> requests.Response:
        key = f"A_SalesOrderItem(SalesOrder='{which['SalesOrder']}',SalesOrderItem='10')"
        return erp.patch(key, json={"SalesDocumentRjcnReason": "Z1"}, headers={"If-Match": "*"})

    # when
    assert reject(other).status_code == 204
    with pytest.raises(requests.ConnectionError):
        reject(order)

    # then
    assert [order["state"] for order in orders_in_the_books(admin)] == ["cancelled", "cancelled"]


def test_a_fault_fires_on_the_nth_matching_call_and_as_often_as_asked(
    erp: requests.Session, admin: requests.Session, body: Create
) -> None:
    # given
    fault_id = inject(admin, "erp", "http", operation="erp.create-sales-order", match="HUB-A", nth=2, times=2)

    # when
    erp.post("A_SalesOrder", json=body(PurchaseOrderByCustomer="HUB-OTHER"))
    statuses = [erp.post("A_SalesOrder", json=body()).status_code for _ in range(4)]

    # then
    assert statuses == [201, 503, 503, 201]
    (fault,) = admin.get("faults").json()
    assert (fault["id"], fault["seen"], fault["fired"]) == (fault_id, 4, 2)
    assert admin.delete("faults").json() == {"removed": 1}


def test_a_refused_token_does_not_count_as_a_call(erp: requests.Session, admin: requests.Session, body: Create) -> None:
    # given
    inject(admin, "erp", "http", operation="erp.create-sales-order")

    # when
    assert erp.post("A_SalesOrder", json=body(), headers={"x-csrf-token": "stale"}).status_code == 403

    # then
    assert admin.get("faults").json()[0]["seen"] == 0


def test_a_delay_delays_and_then_goes_on(erp: requests.Session, admin: requests.Session, body: Create) -> None:
    # given
    inject(admin, "erp", "delay", delay_ms=200)

    # when
    started = time.monotonic()
    answer = erp.post("A_SalesOrder", json=body())

    # then
    assert answer.status_code == 201
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("system", ["erp", "crm"])
def test_a_system_that_is_down_refuses_connections_until_it_is_up_again(
    request: pytest.FixtureRequest, admin: requests.Session, system: str
) -> None:
    # given
    client: requests.Session = request.getfixturevalue(system)
    fault_id = inject(admin, system, "down")

    # when
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get(client.base, timeout=5)  # type: ignore[attr-defined]

    # then
    assert "refused" in str(caught.value)
    admin.delete(f"faults/{fault_id}")
    assert client.get("").status_code in (200, 404)


def test_a_system_that_goes_down_cuts_the_call_that_is_running(
    erp: requests.Session, admin: requests.Session, body: Create, eventually: Eventually
) -> None:
    # given
    inject(admin, "erp", "delay", delay_ms=300)
    failures: list[Exception] = []

    def call() -> None:
        try:
            erp.post("A_SalesOrder", json=body())
        except requests.ConnectionError as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(lambda: admin.get("faults").json()[0]["fired"])

    # when
    inject(admin, "erp", "down", for_ms=10_000)
    thread.join()

    # then
    assert len(failures) == 1


def test_a_system_comes_back_by_itself(erp: requests.Session, admin: requests.Session, eventually: Eventually) -> None:
    # given
    inject(admin, "erp", "down", for_ms=100)

    # then
    eventually(lambda: admin.get("faults").json() == [])

    def answers() -> bool:
        try:
            return erp.get("A_SalesOrder").ok
        except requests.ConnectionError:
            return False

    assert eventually(answers)


def test_the_wms_stands_still_while_it_is_down(staging: Any, admin: requests.Session) -> None:
    # given
    fault_id = inject(admin, "wms", "down")
    msg_id = staging.reserve()

    # when
    still = staging.row("IF_RESERVATION_IN", msg_id).status
    admin.delete(f"faults/{fault_id}")

    # then
    assert still == "N"
    assert staging.result("IF_RESERVATION_IN", msg_id).status == "P"


def test_a_stuck_or_delayed_message_stays_new_and_others_overtake_it(
    staging: Any, admin: requests.Session, eventually: Eventually
) -> None:
    # given
    stuck = inject(admin, "wms", "stuck", operation="wms.reserve", match="HUB-STUCK")
    inject(admin, "wms", "delay", match="HUB-SLOW", delay_ms=200)
    held, slow = staging.reserve(hub_key="HUB-STUCK"), staging.reserve(hub_key="HUB-SLOW")

    # when
    quick = staging.result("IF_RESERVATION_IN", staging.reserve(hub_key="HUB-QUICK"))
    delayed = staging.result("IF_RESERVATION_IN", slow)
    still = staging.row("IF_RESERVATION_IN", held).status
    admin.delete(f"faults/{stuck}")

    # then
    assert (quick.doc_no, delayed.doc_no, still) == ("R-00000001", "R-00000002", "N")
    assert staging.result("IF_RESERVATION_IN", held).doc_no == "R-00000003"


def test_a_cancellation_in_the_wms_is_matched_by_its_document(staging: Any, admin: requests.Session) -> None:
    # given
    doc_no = staging.result("IF_RESERVATION_IN", staging.reserve(CUST_REF="SO-77")).doc_no
    inject(admin, "wms", "lock-record", operation="wms.cancel-reservation", match="SO-77")

    # when
    row = staging.result("IF_CANCEL_IN", staging.cancel("RESERVATION", "HUB-R", target=doc_no))

    # then
    assert (row.status, row.err_code) == ("E", "LOCKED")


def test_a_duplicate_event_returns_an_order_to_the_next_poll(
    crm: requests.Session, admin: requests.Session, person: Create
) -> None:
    # given
    person("SO-1"), person("SO-2")
    inject(admin, "crm", "duplicate-event", match="SO-1")

    def poll(watermark: str) -> list[Any]:
        soql = f"SELECT PoNumber, Status, SystemModstamp FROM Order WHERE SystemModstamp > {watermark}"  # noqa: S608
        records: list[Any] = crm.get("query", params={"q": soql + " ORDER BY SystemModstamp"}).json()["records"]
        return records

    # when
    first = poll("2026-01-01T00:00:00Z")
    second = poll(first[-1]["SystemModstamp"])
    third = poll(second[-1]["SystemModstamp"])

    # then
    assert [record["PoNumber"] for record in first] == ["SO-1", "SO-2"]
    assert [(record["PoNumber"], record["Status"]) for record in second] == [("SO-1", "Confirmed")]
    assert third == []


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"system": "oa", "kind": "delay"}, "system"),
        ({"system": "wms", "kind": "drop-after"}, "kind"),
        ({"system": "erp", "kind": "delay", "nth": 0}, "nth"),
        ({"system": "erp", "kind": "delay", "delay": 1}, "delay"),
        ({"system": "erp", "kind": "delay", "match": 5}, "match"),
        ([], "object"),
    ],
)
def test_a_bad_fault_is_refused_with_the_field(admin: requests.Session, fault: Any, named: str) -> None:
    answer = admin.post("faults", json=fault)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert admin.get("faults").json() == []
