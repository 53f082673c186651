"""The sandbox's CRM, and calls of it."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests

from connector_crm.adapters.salesforce import Salesforce
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.ids import new_id
from service_kit.testing.process import running


class Sandbox:
    """The addresses of a running sandbox, and the hands of its admin API."""

    def __init__(self, addresses: dict[str, Any]) -> None:
        self.addresses = addresses

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        response = requests.request(method, f"{self.addresses['admin_url']}/_sandbox/{path}", json=body, timeout=10)
        response.raise_for_status()
        return response.json()

    def confirm_order(self, status: str = "Confirmed") -> Any:
        items = [{"material": "TG11", "quantity": 5}, {"material": "MAT-100", "quantity": 1, "price": 2.5}]
        order = {"customer": "10100001", "po_number": f"PO-{new_id()[:8]}", "items": items, "status": status}
        return self.admin("POST", "crm/orders", order)

    def history(self, id_: str) -> list[str]:
        orders = self.admin("GET", "books")["crm"]["orders"]
        return [entry["status"] for order in orders if order["id"] == id_ for entry in order["history"]]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running("sandbox", "--port", "0", "--data", str(tmp_path_factory.mktemp("sandbox"))) as addresses:
        yield Sandbox(addresses)


@pytest.fixture
def system(sandbox: Sandbox) -> System:
    return System(
        name="crm",
        connector="crm",
        adapter="salesforce",
        address=sandbox.addresses["crm_url"],
        options={"version": "v62.0"},
        credentials={"client_id": "hub", "client_secret": "hub-secret"},
    )


@pytest.fixture
def mappings() -> Mappings:
    return Mappings(Path(str(files("connector_crm") / "mappings" / "salesforce")))


@pytest.fixture
def salesforce(system: System, mappings: Mappings) -> Iterator[Salesforce]:
    adapter = Salesforce(system, mappings)
    yield adapter
    adapter.close()


@pytest.fixture
def call(system: System) -> Callable[..., Call]:
    def make(operation: str, value: Any, timeout: float = 10.0) -> Call:
        return Call(
            operation=f"crm.{operation}",
            input=value,
            hub_key=new_id()[:12].upper(),
            system=system,
            timeout=timeout,
            command=new_id(),
        )

    return make
