"""The sandbox's ERP, and calls of it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from connector_erp.adapters.sap_s4 import SapS4
from sandbox.testing import SandboxProcess
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.ids import new_id
from service_kit.testing.calls import MakeCall, calls_of


class Sandbox(SandboxProcess):
    """A running sandbox, and what is in its ERP."""

    def orders(self, hub_key: str) -> list[dict[str, Any]]:
        return [order for order in self.books()["erp"]["sales_orders"] if order["hub_key"] == f"HUB-{hub_key}"]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def system(sandbox: Sandbox) -> System:
    return System(
        name="erp",
        connector="erp",
        adapter="sap-s4",
        address=sandbox.erp_url,
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
def call(system: System) -> MakeCall:
    """Calls of one step: they have the same hub key."""
    return calls_of(system, hub_key=new_id()[:12].upper())
