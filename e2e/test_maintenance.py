"""A system under maintenance: orders wait for it, and nobody has to do anything."""

from e2e.stacks import Stack, new_key, order
from service_kit.testing.waiting import until


def test_orders_wait_for_the_end_of_maintenance_and_none_is_lost_or_doubled(hub: Stack) -> None:
    numbers = [new_key() for _ in range(5)]

    with hub.maintenance("erp-plant2"):
        until(lambda: is_closed(hub))
        instances = [hub.started("orders-from-plant2", {"order": order(number)}) for number in numbers]
        for instance in instances:
            until_it_waits(hub, instance)
        phases = [hub.step(instance, "CreateOrder")["phase"] for instance in instances]

    assert phases == ["executing"] * 5
    for number, instance in zip(numbers, instances, strict=True):
        ended = hub.wait(instance)
        assert (ended["status"], hub.effects(number).erp.sales_orders_open) == ("completed", 1)


def test_an_order_that_waits_can_be_cancelled_at_once(hub: Stack) -> None:
    number = new_key()

    with hub.maintenance("erp-plant2"):
        until(lambda: is_closed(hub))
        instance = hub.started("orders-from-plant2", {"order": order(number)})
        until_it_waits(hub, instance)
        hub.act(instance, "cancel", undo=True)
        ended = hub.wait(instance)

    assert ended["status"] == "compensated"
    until(lambda: not is_closed(hub))
    assert hub.effects(number).erp.sales_orders_open == 0


def is_closed(hub: Stack) -> bool:
    """Whether the connector knows of the maintenance."""
    credit = {"customer": "10100001", "amount": "1.00", "currency": "EUR"}
    answer = hub.call(
        "POST", "/connectors/erp/operations/check-credit", json=credit, headers={"X-System": "erp-plant2"}
    )
    assert answer.status_code in (200, 503), answer.text
    return answer.status_code == 503


def until_it_waits(hub: Stack, instance: str) -> None:
    """Until everybody can see what the instance waits for."""
    path = f"/instances/{instance}/timeline"
    until(lambda: "maintenance of erp-plant2" in str(hub.call("GET", path).json().get("events")))
