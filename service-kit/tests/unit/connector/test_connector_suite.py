"""The suite passes for an adapter that keeps the rules, and fails for one that breaks one."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from service_kit.catalogue import Catalogue, Effect, Operation, Undo
from service_kit.connector.call import AdapterFactory, Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.operations import Operations
from service_kit.connector.outcomes import NotApplied
from service_kit.connector.systems import System, Systems
from service_kit.messages import Completed, Probed, ProbeVerdict
from service_kit.testing.connector_suite import ConnectorSuite, Examples

CATALOGUE = Catalogue(
    [
        Operation("shelf.put", "shelf", Effect.CREATE, undo=Undo("shelf.take", '{"key": output.key}'), probe=True),
        Operation("shelf.take", "shelf", Effect.IDEMPOTENT),
    ]
)


class Shelf:
    def __init__(self, system: System, mappings: Mappings) -> None:
        self._address = system.address
        self._things: set[str] = set()

    def put(self, call: Call) -> Completed:
        if not self._address.startswith("shelf:"):
            raise NotApplied("no such shelf")
        self._things.add(call.hub_key)
        return Completed(output={"key": call.hub_key}, references={"thing": call.hub_key})

    def probe_put(self, call: Call) -> Probed:
        if call.hub_key not in self._things:
            return Probed(verdict=ProbeVerdict.ABSENT)
        return Probed(verdict=ProbeVerdict.APPLIED, references={"thing": call.hub_key})

    def take(self, call: Call) -> Completed:
        self._things.discard(call.input["key"])
        return Completed()


class Forgetful(Shelf):
    """Finds what was undone."""

    def take(self, call: Call) -> Completed:
        return Completed()


class TestShelf(ConnectorSuite):
    connector = "shelf"
    adapters: ClassVar[Mapping[str, AdapterFactory]] = {"shelf": Shelf, "forgetful": Forgetful}
    mapped = False

    @pytest.fixture
    def examples(self) -> Examples:
        return {"shelf.put": {}}

    @pytest.fixture
    def system(self) -> System:
        return System(name="shelf", connector="shelf", adapter="shelf", address="shelf:1")

    @pytest.fixture
    def catalogue(self) -> Catalogue:
        return CATALOGUE

    @pytest.fixture
    def contract_file(self, tmp_path: Path) -> Path:
        file = tmp_path / "shelf.yaml"
        file.write_text("{openapi: 3.0.3, info: {title: Shelf, version: '1'}, paths: {}}")
        return file

    def test_an_adapter_that_finds_what_was_undone_fails(self) -> None:
        # given
        system = System(name="shelf", connector="shelf", adapter="forgetful", address="shelf:1")
        systems = Systems("shelf", systems={"shelf": system})
        operations = Operations(CATALOGUE, systems, self.adapters, lambda _: Mappings())

        # when / then
        with pytest.raises(AssertionError, match="an undone document still counts"):
            self.test_a_create_is_found_by_its_key_until_it_is_undone(operations, CATALOGUE, system, {"shelf.put": {}})
