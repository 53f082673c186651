"""What the contract promises holds for requests that nobody thought of."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from gateway.app import create_app
from gateway.settings import Settings
from gateway.store import ensure_admin_key
from gateway.testing import TOKEN, FakeConnector, FakeCoordinator, FakeMonitor
from service_kit.database import migrate, open_engine
from service_kit.http import contract
from service_kit.http.server import EmbeddedServer

EXAMPLES = 15


class Served:
    """A gateway on a port of this machine, and its admin key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('gateway')}/gateway.sqlite")
    migrate(engine, "gateway")
    key = ensure_admin_key(engine)
    assert key is not None
    app = create_app(
        Settings("", TOKEN, "", "", rate_burst=10**6, stranger_burst=10**6),
        engine,
        coordinator=FakeCoordinator().app,
        monitor=FakeMonitor().app,
        connectors={"erp": FakeConnector().app},
    )
    with EmbeddedServer(app) as server:
        yield Served(server.url, key)
    engine.dispose()


CONTRACT = schemathesis.openapi.from_path(contract("gateway.yaml"))
OPERATIONS = [found.ok() for found in CONTRACT.get_all_operations() if isinstance(found, Ok)]
# Nothing can be wrong with a request that has nothing in it; what is wrong with a file is the coordinator's to say.
FILES = {"POST /processes", "POST /decisions"}
MISTAKABLE = [
    operation
    for operation in OPERATIONS
    if operation.label not in FILES and operation.definition.raw.get("security") != []
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_an_operation_keeps_to_its_contract(operation: Any, served: Served) -> None:
    _hold(operation, GenerationMode.POSITIVE, served)


@pytest.mark.parametrize("operation", MISTAKABLE, ids=lambda operation: operation.label)
def test_an_operation_refuses_what_the_contract_does_not_allow(operation: Any, served: Served) -> None:
    _hold(operation, GenerationMode.NEGATIVE, served)


def _hold(operation: Any, mode: GenerationMode, served: Served) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(case: Any) -> None:
        # The contract tells in words what its schemas cannot: no NUL characters, no integers beyond 2^53.
        case.call_and_validate(base_url=served.url, headers=served.headers, excluded_checks=[positive_data_acceptance])

    holds()
