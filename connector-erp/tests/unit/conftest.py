"""An SAP system that is nobody's, and calls of it."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import responses

from connector_erp.adapters.sap_s4 import SapS4
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System

SAP = System(
    name="erp",
    connector="erp",
    adapter="sap-s4",
    address="https://sap.example",
    options={
        "client": "100",
        "order_type": "OR",
        "sales_organization": "1010",
        "distribution_channel": "10",
        "division": "00",
        "rejection_reason": "Z1",
    },
    credentials={"user": "HUB", "password": "secret"},
)

MakeCall = Callable[..., Call]


@pytest.fixture
def sap() -> SapS4:
    return SapS4(SAP, Mappings(Path(str(files("connector_erp") / "mappings" / "sap-s4"))))


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def call() -> MakeCall:
    def make(operation: str, value: Any, timeout: float = 5.0) -> Call:
        return Call(
            operation=f"erp.{operation}",
            input=value,
            hub_key="7F3K2A9QXM1B",
            system=SAP,
            timeout=timeout,
            command="command-1",
            business_key="00000101",
        )

    return make
