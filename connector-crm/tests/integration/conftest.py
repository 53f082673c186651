"""The sandbox's CRM, and calls of it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from connector_crm.adapters.salesforce import Salesforce
from sandbox.testing import SandboxProcess
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.ids import new_id
from service_kit.testing.calls import MakeCall, calls_of


class Sandbox(SandboxProcess):
    """A running sandbox, and what people do in its CRM."""

    def confirm_order(self, status: str = "Confirmed") -> Any:
        items = [{"material": "TG11", "quantity": 5}, {"material": "MAT-100", "quantity": 1, "price": 2.5}]
        order = {"customer": "10100001", "po_number": f"PO-{new_id()[:8]}", "items": items, "status": status}
        return self.call("POST", "crm/orders", order)

    def history(self, id_: str) -> list[str]:
        orders = self.books()["crm"]["orders"]
        return [entry["status"] for order in orders if order["id"] == id_ for entry in order["history"]]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def system(sandbox: Sandbox) -> System:
    return System(
        name="crm",
        connector="crm",
        adapter="salesforce",
        address=sandbox.crm_url,
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
def call(system: System) -> MakeCall:
    return calls_of(system)
