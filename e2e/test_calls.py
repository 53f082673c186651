"""Processes that call others: one saga over several instances, undone as one; and signals, which reach many."""

import pytest

from e2e.auditor import fetch_books
from e2e.auditor.books import Books
from e2e.hubs import Api, EmbeddedHub, ServicesHub
from e2e.stacks import PROCESSES, Stack, new_key, order
from e2e.storm import CallStorm
from sandbox.testing import SandboxProcess
from service_kit.testing.waiting import until

ENOUGH = 50


def books_of(hub: Stack, number: str) -> Books:
    return fetch_books(hub.sandbox.admin_url, number)


def test_a_process_calls_two_others_and_what_they_made_is_found_under_its_key(hub: Stack) -> None:
    # given
    number = new_key()

    # when
    instance = hub.started("sells-and-reserves", {"order": order(number)}, business_key=number)
    ended = hub.wait(instance)

    # then
    assert ended["status"] == "completed"
    assert sorted(child["process"] for child in ended["children"]) == ["reserves", "sells"]
    effects = hub.effects(number)
    assert (effects.erp.sales_orders_open, effects.wms.reservations_open) == (1, 1)
    family = until(lambda: found(hub, instance, 3), timeout=30)
    assert {item["root"] for item in family} == {instance}


def found(hub: Stack, root: str, count: int) -> list[dict[str, str]]:
    """What the index has below the root, once that are as many."""
    items: list[dict[str, str]] = hub.call("GET", "/instances", params={"root": root}).json()["items"]
    return items if len(items) == count else []


def test_what_the_second_refuses_is_undone_in_reverse_over_all_of_them(hub: Stack) -> None:
    # given
    number = new_key()

    # when
    variables = {"order": {**order(number), "implausible": True}}
    instance = hub.started("sells-and-reserves", variables, business_key=number)
    ended = hub.wait(instance)

    # then
    assert (ended["status"], {child["status"] for child in ended["children"]}) == ("compensated", {"compensated"})
    effects = hub.effects(number)
    assert (effects.erp.sales_orders_open, effects.erp.sales_orders_cancelled) == (0, 1)
    assert (effects.wms.reservations_open, effects.wms.reservations_cancelled) == (0, 1)
    assert undone_at(hub, instance, "reserves") <= undone_at(hub, instance, "sells")


def undone_at(hub: Stack, root: str, process: str) -> str:
    """When the child that runs this process has ended for good."""
    (child,) = [child["id"] for child in hub.instance(root)["children"] if child["process"] == process]
    return str(hub.instance(child)["ended_at"])


def test_a_signal_reaches_fifty_instances_once_each(hub: Stack) -> None:
    # given
    instances = [hub.started("waits-for-closure", {}) for _ in range(ENOUGH)]

    # when
    answer = hub.call("POST", "/signals", json={"name": "plant.closed", "payload": {"plant": "1010"}})

    # then
    assert answer.status_code == 202
    ended = [hub.wait(instance) for instance in instances]
    assert {(one["status"], one["variables"]["plant"], one["seq"]) for one in ended} == {("completed", "1010", 2)}


def deploy(hub: EmbeddedHub | ServicesHub) -> None:
    for name in ("sells", "reserves", "sells-and-reserves"):
        Api(hub).deploy((PROCESSES / f"{name}.bpmn").read_bytes())


STORMS = [pytest.param(24, 4, id="short"), pytest.param(80, 10, id="long", marks=pytest.mark.long)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("orders", "kills"), STORMS)
def test_calls_and_their_undos_survive_kills_of_an_embedded_hub(
    embedded_hub: EmbeddedHub, sandbox: SandboxProcess, orders: int, kills: int
) -> None:
    deploy(embedded_hub)
    CallStorm(orders=orders, kills=kills, seed=20261126).rage(embedded_hub, sandbox)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("orders", "kills"), STORMS)
def test_calls_and_their_undos_survive_kills_of_services(
    services_hub: ServicesHub, sandbox: SandboxProcess, orders: int, kills: int
) -> None:
    deploy(services_hub)
    CallStorm(orders=orders, kills=kills, seed=20261127).rage(services_hub, sandbox)
