"""A Salesforce org that is nobody's, and calls of it."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import responses

from connector_crm.adapters.salesforce import Salesforce
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System

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
def call() -> Callable[..., Call]:
    def make(operation: str, value: Any, timeout: float = 5.0) -> Call:
        return Call(
            operation=f"crm.{operation}",
            input=value,
            hub_key="7F3K2A9QXM1B",
            system=ORG,
            timeout=timeout,
            command="command-1",
        )

    return make
