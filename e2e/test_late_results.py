"""Steps that a system has only accepted: it says later what became of them."""

from typing import Any

from sqlalchemy import create_engine, text

from e2e.stacks import Stack, new_key, order
from service_kit.testing.waiting import until


def accepted(hub: Stack, number: str) -> str:
    """An instance whose delivery the warehouse has taken, and not made yet."""
    instance = hub.started("ships-later", {"order": order(number)})
    until(lambda: hub.step(instance, "Deliver")["phase"] == "accepted")
    return instance


def test_a_delivery_that_the_warehouse_makes_later_completes_its_step(hub: Stack) -> None:
    number = new_key()

    with hub.fault("wms", "delay", operation="wms.deliver", match=number, delay_ms=2_000):
        instance = accepted(hub, number)
        ended = hub.wait(instance)

    assert (ended["status"], ended["variables"]["delivery"]["status"]) == ("completed", "open")
    assert hub.effects(number).wms.deliveries_open == 1


def test_a_delivery_that_the_warehouse_refuses_later_undoes_what_was_done(hub: Stack) -> None:
    number = new_key()

    with (
        hub.fault("wms", "delay", operation="wms.deliver", match=number, delay_ms=2_000),
        hub.fault("wms", "refuse", operation="wms.deliver", match=number),
    ):
        ended = hub.wait(accepted(hub, number))

    assert ended["status"] == "compensated"
    wms = hub.effects(number).wms
    assert (wms.deliveries_open, wms.reservations_open, wms.reservations_cancelled) == (0, 0, 1)


def test_a_delivery_that_is_not_made_yet_is_taken_back_when_the_order_is_cancelled(hub: Stack) -> None:
    number = new_key()

    with hub.fault("wms", "stuck", operation="wms.deliver", match=number):
        instance = accepted(hub, number)
        hub.act(instance, "cancel", undo=True)
        ended = hub.wait(instance)

    assert ended["status"] == "compensated"
    wms = hub.effects(number).wms
    assert (wms.deliveries_open, wms.deliveries_cancelled, wms.reservations_cancelled) == (0, 0, 1)


def test_the_warehouse_may_call_back(hub: Stack) -> None:
    number = new_key()

    with hub.fault("wms", "stuck", operation="wms.deliver", match=number):
        instance = accepted(hub, number)
        told = [call_back(hub, number, code) for code in ("REFUSED", "REFUSED", "OTHER")]
        ended = hub.wait(instance)

    assert [answer.status_code for answer in told] == [200, 200, 409]
    assert ended["status"] == "compensated"
    assert hub.effects(number).wms.reservations_open == 0


def call_back(hub: Stack, number: str, code: str) -> Any:
    """The warehouse tells that it will not make the delivery; it knows the message by its id."""
    warehouse = create_engine(hub.sandbox.wms_url)
    with warehouse.connect() as connection:
        found = connection.execute(
            text("SELECT msg_id FROM if_delivery_in WHERE order_no = :number"), {"number": number}
        )
        reference = found.scalar_one()
    warehouse.dispose()
    body = {"system": "wms-shifts", "reference": reference, "outcome": "rejected", "code": code}
    return hub.call("POST", "/connectors/wms/results", json=body)
