"""What is suspended stays so, and what waits for it is not lost, when the hub is killed meanwhile."""

from e2e.auditor import check_exactly_once, check_expected, fetch_books
from e2e.hubs import Api, EmbeddedHub, ServicesHub, until
from sandbox.testing import SandboxProcess

WHY = {"reason": "maintenance"}
ORDERS = [f"SO-{number:05}" for number in range(10)]


def test_an_embedded_hub_remembers_what_is_suspended(embedded_hub: EmbeddedHub, sandbox: SandboxProcess) -> None:
    suspended_killed_and_resumed(embedded_hub, sandbox)


def test_services_remember_what_is_suspended(services_hub: ServicesHub, sandbox: SandboxProcess) -> None:
    suspended_killed_and_resumed(services_hub, sandbox)


def suspended_killed_and_resumed(hub: EmbeddedHub | ServicesHub, sandbox: SandboxProcess) -> None:
    # given orders whose first step waits for a suspended system
    api = Api(hub)
    api.call("POST", "/systems/erp/suspend", json=WHY).raise_for_status()
    for number in ORDERS:
        item = {"material": "MAT-100", "quantity": 1}
        order = {"customer": "10100001", "status": "Confirmed", "po_number": number, "order_number": number}
        sandbox.call("POST", "crm/orders", {**order, "items": [item]})
    until(lambda: held(api) > 0 and started(api) == len(ORDERS), 60, "no order waits for the ERP")

    # when every process is killed and started again, and the system goes on
    for process in hub.mortal:
        process.kill()
        process.start()
    api.wait_ready()
    before = held(api)
    api.call("POST", "/systems/erp/resume", json=WHY).raise_for_status()
    until(lambda: ended(api) == len(ORDERS), 120, "not all orders ended")

    # then
    books = fetch_books(sandbox.admin_url)
    assert before > 0
    assert check_exactly_once(books) == []
    assert check_expected(books, dict.fromkeys(ORDERS, "completed")) == []
    assert held(api) == 0


def held(api: Api) -> int:
    """Commands that the suspended ERP holds back."""
    rows = api.call("GET", "/suspensions").json()["items"]
    return sum(row["commands_held"] for row in rows)


def started(api: Api) -> int:
    """How many orders have an instance."""
    return len(list(api.instances(process="order-to-delivery")))


def ended(api: Api) -> int:
    """How many orders are completed."""
    return len(list(api.instances(process="order-to-delivery", status="completed")))
