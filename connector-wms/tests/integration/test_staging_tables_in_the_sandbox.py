from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from connector_wms.adapters.staging_tables import RESERVATION, StagingTables
from service_kit.connector.call import Call
from service_kit.connector.outcomes import NotApplied, Refused
from service_kit.messages import ProbeVerdict
from service_kit.testing.calls import MakeCall
from service_kit.testing.waiting import until


def reservation(*products: str, quantity: float = 2) -> dict[str, Any]:
    lines = [
        {"line": str(10 * n), "product": product, "quantity": quantity, "unit": "C62"}
        for n, product in enumerate(products or ("TG11",), 1)
    ]
    return {"salesOrder": "5000001", "lines": lines}


def fault(sandbox: Any, kind: str, call: Call, **more: Any) -> None:
    """Happens to messages that mention this call's hub key only: other tests share the sandbox."""
    sandbox.call("POST", "faults", {"system": "wms", "kind": kind, "match": call.hub_key, **more})


def test_stock_is_reserved_delivered_and_given_back_in_reverse_order(
    sandbox: Any, wms: StagingTables, call: MakeCall
) -> None:
    # given
    reserve = call("reserve-stock", reservation("TG11", "MAT-100"))

    # when
    reserved = wms.reserve_stock(reserve).output
    deliver = call(
        "create-outbound-delivery", {**reserve.input, "reservation": reserved["number"], "customer": "10100001"}
    )
    delivered = wms.create_outbound_delivery(deliver).output

    # then
    assert (reserved["status"], delivered["status"]) == ("reserved", "open")

    # when
    cancelled = wms.cancel_outbound_delivery(call("cancel-outbound-delivery", {"number": delivered["number"]}))
    released = wms.release_reservation(call("release-reservation", {"number": reserved["number"]}))

    # then
    assert (cancelled.output["status"], released.output["status"]) == ("cancelled", "released")
    (booked,) = sandbox.documents("reservations", reserve.hub_key)
    assert booked["state"] == "cancelled"


def test_the_same_call_sent_by_many_makes_one_reservation(sandbox: Any, wms: StagingTables, call: MakeCall) -> None:
    # given
    reserve = call("reserve-stock", reservation())

    # when
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(wms.reserve_stock, [reserve] * 6))

    # then
    assert len({completed.output["number"] for completed in made}) == 1
    assert len(sandbox.documents("reservations", reserve.hub_key)) == 1


def test_too_little_stock_is_refused_and_the_step_may_be_tried_again_later(
    sandbox: Any, wms: StagingTables, call: MakeCall
) -> None:
    # given
    material = f"NEW-{call('x', None).hub_key}"
    sandbox.call("POST", "seed", {"materials": [{"number": material, "stock": 1}]})
    reserve = call("reserve-stock", reservation(material))

    # when
    with pytest.raises(Refused) as refused:
        wms.reserve_stock(reserve)

    # then
    assert refused.value.code == "OUT_OF_STOCK"
    assert wms.probe_reserve_stock(reserve).verdict is ProbeVerdict.ABSENT

    # when goods have come in, the same step succeeds
    sandbox.call("PUT", f"wms/stock/{material}", {"on_hand": 5})
    assert wms.reserve_stock(reserve).output["status"] == "reserved"


def test_a_message_that_nobody_takes_in_time_is_withdrawn_and_never_booked(
    sandbox: Any, wms: StagingTables, call: MakeCall
) -> None:
    # given
    reserve = call("reserve-stock", reservation(), timeout=0.3)
    fault(sandbox, "stuck", reserve, for_ms=1000)

    # when
    with pytest.raises(NotApplied):
        wms.reserve_stock(reserve)

    # then
    assert wms.probe_reserve_stock(reserve).verdict is ProbeVerdict.ABSENT
    assert sandbox.documents("reservations", reserve.hub_key) == []


def test_a_writer_that_died_is_followed_by_one_that_finds_its_message(
    sandbox: Any, wms: StagingTables, call: MakeCall
) -> None:
    # given a message whose writer never waited for the answer
    reserve = call("reserve-stock", reservation())
    wms._post(RESERVATION, reserve, 0)

    # when
    found = until(lambda: _unless_pending(wms, reserve))

    # then
    assert found.verdict is ProbeVerdict.APPLIED
    assert wms.reserve_stock(reserve).references == found.references


def _unless_pending(wms: StagingTables, reserve: Call) -> Any:
    found = wms.probe_reserve_stock(reserve)
    return None if found.verdict is ProbeVerdict.PENDING else found


def test_a_reservation_that_was_released_is_no_longer_found(wms: StagingTables, call: MakeCall) -> None:
    # given
    reserve = call("reserve-stock", reservation())
    number = {"number": wms.reserve_stock(reserve).output["number"]}

    # when released twice
    wms.release_reservation(call("release-reservation", number))
    again = wms.release_reservation(call("release-reservation", number))

    # then
    assert again.output["status"] == "released"
    assert wms.probe_reserve_stock(reserve).verdict is ProbeVerdict.ABSENT


def test_a_reservation_that_a_delivery_uses_is_not_released(wms: StagingTables, call: MakeCall) -> None:
    # given
    reserve = call("reserve-stock", reservation())
    number = wms.reserve_stock(reserve).output["number"]
    wms.create_outbound_delivery(call("create-outbound-delivery", {**reserve.input, "reservation": number}))

    # when
    with pytest.raises(Refused) as refused:
        wms.release_reservation(call("release-reservation", {"number": number}))

    # then
    assert refused.value.code == "COMPENSATION_NOT_POSSIBLE"


def test_a_delivery_whose_goods_have_left_is_not_cancelled(sandbox: Any, wms: StagingTables, call: MakeCall) -> None:
    # given
    reserve = call("reserve-stock", reservation())
    number = wms.reserve_stock(reserve).output["number"]
    deliver = call("create-outbound-delivery", {**reserve.input, "reservation": number})
    delivery = wms.create_outbound_delivery(deliver).output["number"]
    sandbox.call("POST", f"wms/deliveries/{delivery}/goods-issue", {})

    # when
    with pytest.raises(Refused) as refused:
        wms.cancel_outbound_delivery(call("cancel-outbound-delivery", {"number": delivery}))

    # then
    assert refused.value.code == "COMPENSATION_NOT_POSSIBLE"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (reservation("NO-SUCH"), "PRODUCT_UNKNOWN"),
        ({**reservation(), "lines": [{**reservation()["lines"][0], "unit": "KGM"}]}, "INVALID_INPUT"),
    ],
)
def test_the_wms_refuses_for_its_own_reasons(
    wms: StagingTables, call: MakeCall, value: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        wms.reserve_stock(call("reserve-stock", value))

    assert refused.value.code == code


def test_a_delivery_of_a_reservation_that_is_not_there_is_refused(wms: StagingTables, call: MakeCall) -> None:
    with pytest.raises(Refused) as refused:
        wms.create_outbound_delivery(call("create-outbound-delivery", {**reservation(), "reservation": "R-404"}))

    assert refused.value.code == "RESERVATION_UNKNOWN"


def test_a_document_that_is_not_there_is_unknown(wms: StagingTables, call: MakeCall) -> None:
    with pytest.raises(Refused) as refused:
        wms.release_reservation(call("release-reservation", {"number": "R-404"}))

    assert refused.value.code == "DOCUMENT_UNKNOWN"


def test_a_locked_record_is_tried_again_with_the_same_key(sandbox: Any, wms: StagingTables, call: MakeCall) -> None:
    # given
    reserve = call("reserve-stock", reservation())
    fault(sandbox, "lock-record", reserve)

    # when
    with pytest.raises(NotApplied):
        wms.reserve_stock(reserve)

    # then
    assert wms.reserve_stock(reserve).output["status"] == "reserved"
    assert len(sandbox.documents("reservations", reserve.hub_key)) == 1


def test_a_wms_that_is_not_there_has_certainly_done_nothing(call: MakeCall, system: Any, wms: StagingTables) -> None:
    # given
    elsewhere = msgspec.structs.replace(system, address="sqlite:////nowhere/at/all/wms.sqlite")
    lost = StagingTables(elsewhere, wms._mappings)

    # when / then
    with pytest.raises(NotApplied):
        lost.reserve_stock(call("reserve-stock", reservation()))
