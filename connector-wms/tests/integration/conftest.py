"""The sandbox's WMS, and calls of it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from connector_wms.adapters.staging_tables import StagingTables
from sandbox.testing import SandboxProcess
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.testing.calls import MakeCall, calls_of


class Sandbox(SandboxProcess):
    """A running sandbox, and what is in its WMS."""

    def documents(self, kind: str, hub_key: str) -> list[dict[str, Any]]:
        return [document for document in self.books()["wms"][kind] if document["hub_key"] == hub_key]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    environ = {}
    if request.param == "postgresql":
        environ["SANDBOX_WMS_URL"] = request.getfixturevalue("module_database")
    with Sandbox(tmp_path_factory.mktemp("sandbox"), environ=environ) as sandbox:
        yield sandbox


@pytest.fixture
def system(sandbox: Sandbox) -> System:
    return System(name="wms", connector="wms", adapter="staging-tables", address=sandbox.wms_url)


@pytest.fixture
def wms(system: System) -> Iterator[StagingTables]:
    adapter = StagingTables(system, Mappings(Path(str(files("connector_wms") / "mappings" / "staging-tables"))))
    yield adapter
    adapter.close()


@pytest.fixture
def call(system: System) -> MakeCall:
    return calls_of(system)
