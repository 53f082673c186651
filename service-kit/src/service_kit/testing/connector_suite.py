"""What every connector must hold. A connector's tests subclass it, beside a system that its adapter can talk to:

class TestErp(ConnectorSuite):
    connector = "erp"
    adapters = ADAPTERS

In the class or in conftest.py there are two fixtures: `system`, a system to talk to, and `examples`, inputs by
operation, of every create at least.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from connexion.spec import Specification
from jsonschema import Draft202012Validator

from service_kit import expressions
from service_kit.catalogue import Catalogue, Effect, Operation
from service_kit.connector.call import AdapterFactory
from service_kit.connector.gate import NotNow
from service_kit.connector.operations import Operations
from service_kit.connector.process import Settings, mappings_of
from service_kit.connector.systems import System, Systems
from service_kit.contracts import Contracts
from service_kit.http.contracts import contract, contracts_folder
from service_kit.ids import new_id
from service_kit.messages import Command, CommandKind, Completed, Outcome, Probed, ProbeVerdict, Unavailable

Examples = Mapping[str, Any]


class ConnectorSuite:
    """Subclass it; the subclass's name begins with `Test`."""

    connector: ClassVar[str]
    adapters: ClassVar[Mapping[str, AdapterFactory]]
    nowhere: ClassVar[str] = "http://127.0.0.1:9"
    mapped: ClassVar[bool] = True  # its adapters have mapping files

    @pytest.fixture
    def catalogue(self) -> Catalogue:
        """The connector's part of the catalogue."""
        return Catalogue.load(contracts_folder()).of(self.connector)

    @pytest.fixture
    def operations(self, catalogue: Catalogue, system: System) -> Iterator[Operations]:
        """The operations on `system`."""
        operations = self._operations(catalogue, system)
        yield operations
        operations.close()

    @pytest.fixture
    def contract_file(self) -> Path:
        """The connector's contract."""
        return contract(f"connectors/{self.connector}.yaml")

    def test_every_adapter_has_a_method_for_every_operation_and_every_probe(self, catalogue: Catalogue) -> None:
        """And for every result, and none that the catalogue does not know of."""
        for name, adapter in self.adapters.items():
            for operation in catalogue.values():
                assert callable(getattr(adapter, operation.method, None)), f"{name}: {operation.name}"
                assert hasattr(adapter, f"probe_{operation.method}") == operation.probe, f"{name}: {operation.name}"
                assert hasattr(adapter, f"result_{operation.method}") == bool(operation.result), operation.name

    def test_the_contract_is_valid_with_the_documents_that_it_refers_to(self, contract_file: Path) -> None:
        """As OpenAPI."""
        contracts = Contracts()

        Specification.from_dict(contracts.resolve(contract_file, contracts.read(contract_file)))

    def test_every_create_has_an_example(self, catalogue: Catalogue, examples: Examples) -> None:
        """Else it would be left out below."""
        creates = {operation.name for operation in catalogue.values() if operation.effect is Effect.CREATE}

        assert creates <= set(examples)

    def test_every_create_declares_a_probe_and_an_undo(self, catalogue: Catalogue) -> None:
        """Without them a lost answer needs a person."""
        creates = [operation for operation in catalogue.values() if operation.effect is Effect.CREATE]

        assert [operation.name for operation in creates if not (operation.probe and operation.undo)] == []

    def test_every_adapter_has_mappings_that_compile(self) -> None:
        """Those of the package."""
        for name, adapter in self.adapters.items():
            folder = files(adapter.__module__.partition(".")[0]) / "mappings" / name
            assert folder.is_dir() == self.mapped, name
            mappings_of(Settings("", ""), name, self.adapters)

    def test_a_create_is_found_by_its_key_until_it_is_undone(
        self, operations: Operations, catalogue: Catalogue, system: System, examples: Examples
    ) -> None:
        """Create, probe, undo, undo again, probe."""
        for name in _creates(catalogue, examples):
            operation = catalogue[name]
            create = self._command(name, system, examples[name])

            done = operations.execute(create)
            found = operations.probe(create, settled=True)
            undone = self._undo(operations, catalogue, system, operation, create, done)
            after = operations.probe(create, settled=True)

            assert isinstance(done, Completed), f"{name}: {done}"
            self._check_output(operation, done)
            assert isinstance(found, Probed), f"{name}: {found}"
            assert (found.verdict, found.references) == (ProbeVerdict.APPLIED, done.references)
            assert all(isinstance(outcome, Completed) for outcome in undone), f"{name}: {undone}"
            assert isinstance(after, Probed), f"{name}: {after}"
            assert after.verdict is ProbeVerdict.ABSENT, f"{name}: an undone document still counts"

    def test_a_create_that_may_have_happened_is_not_done_twice(
        self, operations: Operations, catalogue: Catalogue, system: System, examples: Examples
    ) -> None:
        """`verify` looks for it and sends nothing."""
        for name in _creates(catalogue, examples):
            create = self._command(name, system, examples[name])
            first = operations.execute(create)

            again = operations.execute(msgspec.structs.replace(create, verify=True))

            assert isinstance(first, Completed), f"{name}: {first}"
            assert isinstance(again, Completed), f"{name}: {again}"
            assert again.references == first.references

    def test_a_key_that_was_never_used_is_absent(
        self, operations: Operations, catalogue: Catalogue, system: System, examples: Examples
    ) -> None:
        """For every probe."""
        for name in _creates(catalogue, examples):
            found = operations.probe(self._command(name, system, examples[name]), settled=True)

            assert isinstance(found, Probed), f"{name}: {found}"
            assert found.verdict is ProbeVerdict.ABSENT

    def test_a_system_that_is_away_is_unavailable(
        self, catalogue: Catalogue, system: System, examples: Examples
    ) -> None:
        """Nothing was applied, and the connector knows it."""
        operations = self._operations(catalogue, msgspec.structs.replace(system, address=self.nowhere))
        for name, example in examples.items():
            outcome = operations.execute(self._command(name, system, example))

            assert isinstance(outcome, Unavailable), f"{name}: {outcome}"

    def _operations(self, catalogue: Catalogue, system: System) -> Operations:
        systems = Systems(self.connector, systems={system.name: system})
        return Operations(
            catalogue, systems, self.adapters, lambda name: mappings_of(Settings("", ""), name, self.adapters)
        )

    def _command(self, operation: str, system: System, input_: Any) -> Command:
        return Command(
            id=new_id(),
            kind=CommandKind.EXECUTE,
            instance="suite",
            step=1,
            attempt=1,
            operation=operation,
            system=system.name,
            hub_key=new_id()[:12].upper(),
            reply_to="nowhere",
            input=input_,
        )

    def _undo(
        self,
        operations: Operations,
        catalogue: Catalogue,
        system: System,
        operation: Operation,
        create: Command,
        done: Outcome | NotNow,
    ) -> list[Outcome | NotNow]:
        if operation.undo is None or not isinstance(done, Completed):
            return []
        value: Any = {"input": create.input, "output": done.output, "references": done.references}
        if operation.undo.input is not None:
            value = expressions.compile(operation.undo.input)(value)
        command = self._command(operation.undo.operation, system, value)
        again = self._command(operation.undo.operation, system, value)
        return [operations.execute(command), operations.execute(again)]

    def _check_output(self, operation: Operation, done: Completed) -> None:
        if operation.output_schema is not None:
            Draft202012Validator(operation.output_schema).validate(done.output)


def _creates(catalogue: Catalogue, examples: Examples) -> list[str]:
    return [name for name in examples if catalogue[name].effect is Effect.CREATE and catalogue[name].probe]
