"""The sandbox's ERP, and calls of it."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests

from connector_erp.adapters.sap_s4 import SapS4
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

    def orders(self, hub_key: str) -> list[dict[str, Any]]:
        orders = self.admin("GET", "books")["erp"]["sales_orders"]
        return [order for order in orders if order["hub_key"] == f"HUB-{hub_key}"]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running("sandbox", "--port", "0", "--data", str(tmp_path_factory.mktemp("sandbox"))) as addresses:
        yield Sandbox(addresses)


@pytest.fixture
def system(sandbox: Sandbox) -> System:
    return System(
        name="erp",
        connector="erp",
        adapter="sap-s4",
        address=sandbox.addresses["erp_url"],
        options={
            "client": "100",
            "order_type": "OR",
            "sales_organization": "1010",
            "distribution_channel": "10",
            "division": "00",
            "rejection_reason": "Z1",
        },
        credentials={"user": "HUB", "password": "hub-secret"},
    )


@pytest.fixture
def sap(system: System) -> Iterator[SapS4]:
    adapter = SapS4(system, Mappings(Path(str(files("connector_erp") / "mappings" / "sap-s4"))))
    yield adapter
    adapter.close()


@pytest.fixture
def call(system: System) -> Callable[..., Call]:
    hub_key = new_id()[:12].upper()

    def make(operation: str, value: Any, timeout: float = 10.0) -> Call:
        return Call(
            operation=f"erp.{operation}",
            input=value,
            hub_key=hub_key,
            system=system,
            timeout=timeout,
            command=new_id(),
            business_key=f"SO-{hub_key}",
        )

    return make
