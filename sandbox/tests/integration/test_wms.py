from collections.abc import Callable
from typing import Any

import pytest
import requests
from sqlalchemy.exc import IntegrityError

RESERVATIONS, DELIVERIES, CANCELLATIONS = "IF_RESERVATION_IN", "IF_DELIVERY_IN", "IF_CANCEL_IN"


def state(staging: Any, doc_no: str) -> str:
    return str(staging.one("SELECT STATE FROM IF_DOCUMENT_OUT WHERE DOC_NO = :doc_no", doc_no=doc_no).state)


def available(staging: Any, material: str = "MAT-100") -> float:
    row = staging.one("SELECT AVAILABLE FROM IF_STOCK_OUT WHERE MATERIAL = :material", material=material)
    return float(row.available)


def reserved(staging: Any, **more: Any) -> str:
    return str(staging.result(RESERVATIONS, staging.reserve(**more)).doc_no)


def test_a_reservation_takes_stock_and_writes_its_number_back(staging: Any) -> None:
    # when
    row = staging.result(RESERVATIONS, staging.reserve(("MAT-100", 5), ("MAT-200", 2.5)))

    # then
    assert (row.status, row.doc_no, row.err_code) == ("P", "R-00000001", None)
    assert row.processed_at
    assert state(staging, row.doc_no) == "OPEN"
    assert available(staging) == 999_995
    assert available(staging, "MAT-200") == 999_997.5


def test_what_is_not_in_stock_is_refused_as_a_whole(staging: Any) -> None:
    # when
    msg_id = staging.reserve(("MAT-100", 5), ("MAT-EMPTY", 1))
    row = staging.result(RESERVATIONS, msg_id)

    # then
    assert (row.status, row.err_code, row.doc_no) == ("E", "OUT_OF_STOCK", None)
    assert row.err_text == "material MAT-EMPTY: 1 wanted, 0 available"
    assert staging.one("SELECT COUNT(*) AS n FROM IF_RESERVATION_IN WHERE STATUS = 'E'").n == 2
    assert available(staging) == 1_000_000


@pytest.mark.parametrize(
    ("lines", "more", "code"),
    [
        ([("NONE", 1)], {}, "UNKNOWN_MATERIAL"),
        ([("MAT-100", 0)], {}, "BAD_QTY"),
        ([("MAT-100", "many")], {}, "BAD_QTY"),
        ([("MAT-100", 1)], {"UOM": "KG"}, "BAD_UOM"),
        ([("MAT-100", 1), ("MAT-200", 1)], {"LINE_COUNT": 1}, "BAD_MESSAGE"),
    ],
)
def test_a_bad_message_is_marked_and_the_next_one_is_processed(
    staging: Any, lines: list[tuple[str, Any]], more: dict[str, Any], code: str
) -> None:
    # given
    row = staging.result(RESERVATIONS, staging.reserve(*lines, **more))

    # then
    assert (row.status, row.err_code) == ("E", code)
    assert staging.result(RESERVATIONS, staging.reserve()).status == "P"


def test_the_same_message_cannot_be_written_twice(staging: Any) -> None:
    staging.reserve(MSG_ID="M-1")
    with pytest.raises(IntegrityError):
        staging.reserve(MSG_ID="M-1")


def test_an_incomplete_message_waits_and_can_be_withdrawn(staging: Any, admin: requests.Session) -> None:
    # given
    msg_id = staging.reserve(("MAT-100", 1), LINE_COUNT=2)
    staging.result(RESERVATIONS, staging.reserve())  # a later message is through

    # then
    assert staging.row(RESERVATIONS, msg_id).status == "N"
    assert len(admin.get("books").json()["wms"]["reservations"]) == 1


def test_a_cancelled_reservation_gives_the_stock_back_once(staging: Any, admin: requests.Session) -> None:
    # given
    doc_no = reserved(staging)

    # when
    first = staging.result(CANCELLATIONS, staging.cancel("RESERVATION", "HUB-R"))
    second = staging.result(CANCELLATIONS, staging.cancel("RESERVATION", "HUB-R", target=doc_no))

    # then
    assert (first.status, first.doc_no) == ("P", doc_no)
    assert (second.status, second.err_code, second.doc_no) == ("E", "ALREADY_CANCELLED", doc_no)
    assert available(staging) == 1_000_000
    assert [entry["action"] for entry in admin.get("books").json()["wms"]["ledger"]] == ["create", "cancel"]


def test_a_delivery_consumes_its_reservation_and_its_cancellation_reopens_it(staging: Any) -> None:
    # given
    reservation = reserved(staging)

    # when
    delivery = staging.result(DELIVERIES, staging.deliver(RESERVATION_NO=reservation))

    # then
    assert (delivery.status, state(staging, reservation), available(staging)) == ("P", "CONSUMED", 999_995)
    again = staging.result(DELIVERIES, staging.deliver(RESERVATION_NO=reservation))
    assert again.err_code == "RESERVATION_NOT_OPEN"
    refused = staging.result(CANCELLATIONS, staging.cancel("RESERVATION", "HUB-R"))
    assert refused.err_code == "DELIVERY_EXISTS"
    assert staging.result(CANCELLATIONS, staging.cancel("DELIVERY", "HUB-D")).status == "P"
    assert state(staging, reservation) == "OPEN"
    assert staging.result(CANCELLATIONS, staging.cancel("RESERVATION", "HUB-R")).status == "P"
    assert available(staging) == 1_000_000


def test_a_delivery_is_not_cancelled_after_goods_issue(staging: Any, admin: requests.Session) -> None:
    # given
    delivery = staging.result(DELIVERIES, staging.deliver())
    admin.post(f"wms/deliveries/{delivery.doc_no}/goods-issue")

    # when
    row = staging.result(CANCELLATIONS, staging.cancel("DELIVERY", "HUB-D"))

    # then
    assert (row.status, row.err_code) == ("E", "GOODS_ISSUED")
    assert staging.one("SELECT ON_HAND FROM IF_STOCK_OUT WHERE MATERIAL = 'MAT-100'").on_hand == 999_995


def test_a_delivery_must_match_its_reservation(staging: Any) -> None:
    reservation = reserved(staging)
    row = staging.result(DELIVERIES, staging.deliver(("MAT-100", 6), RESERVATION_NO=reservation))
    assert row.err_code == "RESERVATION_MISMATCH"
    row = staging.result(DELIVERIES, staging.deliver(RESERVATION_NO="R-99"))
    assert row.err_code == "NOT_FOUND"


def test_two_documents_of_one_hub_key_are_not_cancelled_by_guessing(staging: Any) -> None:
    # given
    reserved(staging)
    reserved(staging)

    # then
    row = staging.result(CANCELLATIONS, staging.cancel("RESERVATION", "HUB-R"))
    assert row.err_code == "AMBIGUOUS"
    assert staging.result(CANCELLATIONS, staging.cancel("RESERVATION", "HUB-X")).err_code == "NOT_FOUND"
    assert staging.result(CANCELLATIONS, staging.cancel("INVOICE", "HUB-R")).err_code == "BAD_MESSAGE"


def test_the_stock_level_can_be_set(staging: Any, admin: requests.Session) -> None:
    # given
    admin.put("wms/stock/MAT-EMPTY", json={"on_hand": 1})

    # then
    row = staging.result(RESERVATIONS, staging.reserve(("MAT-EMPTY", 1)))
    assert row.status == "P"


def test_a_message_withdrawn_in_time_is_never_processed(
    staging: Any, admin: requests.Session, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    # given
    fault = {"system": "wms", "kind": "stuck", "operation": "wms.reserve"}
    fault_id = admin.post("faults", json=fault).json()["id"]
    msg_id = staging.reserve()
    eventually(lambda: admin.get("faults").json()[0]["fired"])

    # when
    withdrawn = staging.execute(
        "UPDATE IF_RESERVATION_IN SET STATUS = 'W' WHERE MSG_ID = :msg_id AND STATUS = 'N'", msg_id=msg_id
    )
    admin.delete(f"faults/{fault_id}")

    # then
    assert withdrawn == 1
    assert staging.result(RESERVATIONS, staging.reserve()).doc_no == "R-00000001"
    assert staging.row(RESERVATIONS, msg_id).status == "W"
