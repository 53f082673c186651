"""An SAP system that is nobody's, and calls of it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import responses

from connector_erp.adapters.sap_s4 import SapS4
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.testing.calls import MakeCall, calls_of

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


@pytest.fixture
def sap() -> SapS4:
    return SapS4(SAP, Mappings(Path(str(files("connector_erp") / "mappings" / "sap-s4"))))


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def call() -> MakeCall:
    return calls_of(SAP, hub_key="7F3K2A9QXM1B", business_key="00000101")
