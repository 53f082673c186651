from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from connector_wms.adapters.staging_tables import RESERVATION, StagingTables
from service_kit.connector.call import Call
from service_kit.connector.outcomes import NotApplied, Refused
from service_kit.connector.systems import SystemsError
from service_kit.messages import Accepted, Completed, ProbeVerdict
from service_kit.testing.calls import MakeCall
from service_kit.testing.waiting import until


def reservation(*products: str, quantity: float = 2) -> dict[str, Any]:
    lines = [
        {"line": str(10 * n), "product": product, "quantity": quantity, "unit": "C62"}
        for n, product in enumerate(products or ("TG11",), 1)
    ]
    return {"salesOrder": "5000001", "lines": lines}


def created(wms: StagingTables, deliver: Call) -> Completed:
    """The delivery that was made at once."""
    made = wms.create_outbound_delivery(deliver)
    assert isinstance(made, Completed)
    return made


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
    delivered = created(wms, deliver).output

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
    delivery = created(wms, deliver).output["number"]
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


@pytest.fixture
def shifts(system: Any, wms: StagingTables) -> Iterator[StagingTables]:
    """A warehouse that works in shifts."""
    adapter = StagingTables(msgspec.structs.replace(system, options={"accept_after": 0.1}), wms._mappings)
    yield adapter
    adapter.close()


def reserved_delivery(wms: StagingTables, call: MakeCall) -> Call:
    reserve = call("reserve-stock", reservation())
    number = wms.reserve_stock(reserve).output["number"]
    return call("create-outbound-delivery", {**reserve.input, "reservation": number})


def later(call: Call, accepted: Any) -> Call:
    assert isinstance(accepted, Accepted)
    return msgspec.structs.replace(call, previous=accepted.reference, input=None)


def cancellation(call: MakeCall, deliver: Call) -> Call:
    """As the undo of an accepted delivery asks for it."""
    cancel = call("cancel-outbound-delivery", {"reference": deliver.hub_key})
    return msgspec.structs.replace(cancel, hub_key=deliver.hub_key)


def test_a_delivery_that_the_warehouse_takes_its_time_for_is_accepted_and_found_later(
    sandbox: Any, shifts: StagingTables, call: MakeCall
) -> None:
    # given
    deliver = reserved_delivery(shifts, call)
    fault(sandbox, "delay", deliver, delay_ms=1500)

    # when
    accepted = shifts.create_outbound_delivery(deliver)

    # then
    assert accepted == Accepted(reference=deliver.hub_key)
    assert shifts.result_create_outbound_delivery(later(deliver, accepted)) == accepted
    assert shifts.probe_create_outbound_delivery(deliver).verdict is ProbeVerdict.PENDING

    # when the shift begins
    done = until(lambda: _unless_accepted(shifts, later(deliver, accepted)))

    # then
    (booked,) = sandbox.documents("deliveries", deliver.hub_key)
    assert (done.output, done.references) == (
        {"number": booked["number"], "status": "open"},
        {"delivery": booked["number"]},
    )
    assert shifts.create_outbound_delivery(deliver) == done


def _unless_accepted(wms: StagingTables, call: Call) -> Any:
    found = wms.result_create_outbound_delivery(call)
    return found if isinstance(found, Completed) else None


def test_a_delivery_that_is_made_soon_is_completed(system: Any, wms: StagingTables, call: MakeCall) -> None:
    patient = StagingTables(msgspec.structs.replace(system, options={"accept_after": 20}), wms._mappings)

    made = patient.create_outbound_delivery(reserved_delivery(wms, call))

    assert isinstance(made, Completed)
    patient.close()


@pytest.mark.parametrize("kind", ["refuse", "lock-record"])
def test_a_delivery_that_is_refused_later_is_refused(
    sandbox: Any, shifts: StagingTables, call: MakeCall, kind: str
) -> None:
    # given
    deliver = reserved_delivery(shifts, call)
    fault(sandbox, "delay", deliver, delay_ms=800)
    fault(sandbox, kind, deliver, code="LOCKED")
    accepted = later(deliver, shifts.create_outbound_delivery(deliver))

    # when
    with pytest.raises(Refused) as refused:
        until(lambda: _unless_accepted(shifts, accepted))

    # then
    assert (refused.value.code, refused.value.details) == ("REFUSED", {"vendorCode": "LOCKED"})
    assert shifts.probe_create_outbound_delivery(deliver).verdict is ProbeVerdict.ABSENT


def test_a_delivery_that_is_only_accepted_can_be_taken_back_and_is_never_made(
    sandbox: Any, shifts: StagingTables, call: MakeCall
) -> None:
    # given
    deliver = reserved_delivery(shifts, call)
    fault(sandbox, "delay", deliver, delay_ms=600)
    accepted = later(deliver, shifts.create_outbound_delivery(deliver))

    # when undone twice
    outcomes = [shifts.cancel_outbound_delivery(cancellation(call, deliver)) for _ in range(2)]

    # then
    assert [outcome.output["status"] for outcome in outcomes] == ["cancelled"] * 2
    with pytest.raises(Refused, match="withdrawn"):
        shifts.result_create_outbound_delivery(accepted)
    assert shifts.probe_create_outbound_delivery(deliver).verdict is ProbeVerdict.ABSENT
    assert sandbox.documents("deliveries", deliver.hub_key) == []


def test_an_accepted_delivery_that_was_made_meanwhile_is_cancelled(
    sandbox: Any, shifts: StagingTables, call: MakeCall
) -> None:
    # given
    deliver = reserved_delivery(shifts, call)
    fault(sandbox, "delay", deliver, delay_ms=500)
    accepted = later(deliver, shifts.create_outbound_delivery(deliver))
    until(lambda: _unless_accepted(shifts, accepted))

    # when
    shifts.cancel_outbound_delivery(cancellation(call, deliver))

    # then
    (booked,) = sandbox.documents("deliveries", deliver.hub_key)
    assert booked["state"] == "cancelled"


def test_what_was_never_written_cannot_be_taken_back(shifts: StagingTables, call: MakeCall) -> None:
    with pytest.raises(Refused) as refused:
        shifts.cancel_outbound_delivery(call("cancel-outbound-delivery", {"reference": "NEVER"}))

    assert refused.value.code == "DOCUMENT_UNKNOWN"


@pytest.mark.parametrize("value", ["soon", -1, True])
def test_a_wrong_time_to_wait_is_named(system: Any, wms: StagingTables, value: Any) -> None:
    with pytest.raises(SystemsError, match=r"systems\.wms\.options\.accept_after"):
        StagingTables(msgspec.structs.replace(system, options={"accept_after": value}), wms._mappings)
