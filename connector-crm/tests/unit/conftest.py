"""A Salesforce org that is nobody's, and calls of it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import responses

from connector_crm.adapters.salesforce import Salesforce
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.testing.calls import MakeCall, calls_of

ORG = System(
    name="crm",
    connector="crm",
    adapter="salesforce",
    address="https://crm.example",
    options={"version": "v62.0"},
    credentials={"client_id": "hub", "client_secret": "secret"},
)


@pytest.fixture
def salesforce() -> Salesforce:
    return Salesforce(ORG, Mappings(Path(str(files("connector_crm") / "mappings" / "salesforce"))))


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def call() -> MakeCall:
    return calls_of(ORG, hub_key="7F3K2A9QXM1B")
