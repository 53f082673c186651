"""The sandbox's WMS, and calls of it."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests

from connector_wms.adapters.staging_tables import StagingTables
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

    def documents(self, kind: str, hub_key: str) -> list[dict[str, Any]]:
        return [document for document in self.admin("GET", "books")["wms"][kind] if document["hub_key"] == hub_key]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    environ = {}
    if request.param == "postgresql":
        environ["SANDBOX_WMS_URL"] = request.getfixturevalue("module_database")
    folder = str(tmp_path_factory.mktemp("sandbox"))
    with running("sandbox", "--port", "0", "--data", folder, environ=environ) as addresses:
        yield Sandbox(addresses)


@pytest.fixture
def system(sandbox: Sandbox) -> System:
    return System(name="wms", connector="wms", adapter="staging-tables", address=sandbox.addresses["wms_url"])


@pytest.fixture
def wms(system: System) -> Iterator[StagingTables]:
    adapter = StagingTables(system, Mappings(Path(str(files("connector_wms") / "mappings" / "staging-tables"))))
    yield adapter
    adapter.close()


@pytest.fixture
def call(system: System) -> Callable[..., Call]:
    def make(operation: str, value: Any, timeout: float = 10.0) -> Call:
        return Call(
            operation=f"wms.{operation}",
            input=value,
            hub_key=new_id()[:12].upper(),
            system=system,
            timeout=timeout,
            command=new_id(),
            business_key=f"SO-{new_id()[:8]}",
        )

    return make
