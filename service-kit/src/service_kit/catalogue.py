"""The catalogue: what the connectors can do, read from `openapi/connectors/<connector>.yaml`.

Every `POST /operations/...` with an `x-operation` block is one operation. The same file describes the connector's
REST door, so that nothing is said twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from service_kit import expressions
from service_kit.contracts import ContractError, Contracts
from service_kit.errors import KitError

JSON = "application/json"


class CatalogueError(KitError):
    """The catalogue is wrong; the message names the file and the path inside it."""


class Effect(StrEnum):
    """What carrying out an operation twice does: nothing, the same as once, or a second document."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    CREATE = "create"


class Undo(msgspec.Struct, frozen=True):
    """The operation that takes the effect back. `input` is JSONata over `{"input", "output", "references"}`;
    None passes that object as it is. `never` are the refusals of that operation which say that there is nothing to take
    back; they count where nobody knows whether the effect had happened."""

    operation: str
    input: str | None = None
    never: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True):
    """One thing a connector can do. `settle` and `timeout` are seconds; schemas are JSON Schema without references.

    `errors` are the business refusals it may answer. `settle` is how long after a command was last sent its document
    may still appear. `result`: every so many seconds the system is asked for the result of what it accepted (None: it
    tells by itself).
    """

    name: str
    connector: str
    effect: Effect
    undo: Undo | None = None
    probe: bool = False
    settle: float = 0.0
    timeout: float = 30.0
    errors: tuple[str, ...] = ()
    result: float | None = None
    summary: str = ""
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None

    @property
    def method(self) -> str:
        """The adapter's method: `erp.create-sales-order` -> `create_sales_order`."""
        return self.name.partition(".")[2].replace("-", "_")


class Catalogue(Mapping[str, Operation]):
    """Operations by name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = {operation.name: operation for operation in operations}

    @classmethod
    def load(cls, *contracts_dirs: Path) -> "Catalogue":
        """Read `connectors/*.yaml` of every directory; a later one adds connectors. Raises `CatalogueError`."""
        operations: dict[str, Operation] = {}
        for directory in contracts_dirs:
            files = sorted((directory / "connectors").glob("*.yaml"))
            if not files:
                raise CatalogueError(f"{directory / 'connectors'}: no connector is described here")
            for file in files:
                for operation in _read_file(file):
                    if operation.name in operations:
                        raise CatalogueError(f"{file}: {operation.name} is already described elsewhere")
                    operations[operation.name] = operation
        catalogue = cls(operations.values())
        catalogue._check_undos()
        return catalogue

    def of(self, connector: str) -> "Catalogue":
        """Only the operations of one connector."""
        return Catalogue(operation for operation in self.values() if operation.connector == connector)

    def __getitem__(self, name: str) -> Operation:
        return self._operations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._operations)

    def __len__(self) -> int:
        return len(self._operations)

    def _check_undos(self) -> None:
        for operation in self.values():
            undo = operation.undo
            if undo is None:
                continue
            if undo.operation not in self:
                raise CatalogueError(f"{operation.name}: its undo {undo.operation} is not in the catalogue")
            if unknown := set(undo.never) - set(self[undo.operation].errors):
                raise CatalogueError(f"{operation.name}: {undo.operation} has no error {min(unknown)}")


class _UndoBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    operation: str
    input: str | None = None
    never: list[str] = []


class _Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effect: Effect
    undo: _UndoBlock | None = None
    probe: bool = False
    settle: float = 0.0
    timeout: float = 30.0
    result: float | None = None
    errors: list[str] = []


def _read_file(file: Path) -> Iterator[Operation]:
    contracts = Contracts()
    try:
        document = contracts.read(file)
    except ContractError as error:
        raise CatalogueError(str(error)) from error
    for path, item in (document.get("paths") or {}).items():
        described = item.get("post") if isinstance(item, dict) else None
        if isinstance(described, dict) and "x-operation" in described:
            try:
                yield _read_operation(contracts, file, described)
            except (ContractError, msgspec.ValidationError, CatalogueError) as error:
                raise CatalogueError(f"{file}: {path}: {error}") from error


def _read_operation(contracts: Contracts, file: Path, described: dict[str, Any]) -> Operation:
    block = msgspec.convert(described["x-operation"], _Block)
    operation = Operation(
        name=_name(file, described),
        connector=file.stem,
        effect=block.effect,
        undo=Undo(block.undo.operation, block.undo.input, tuple(block.undo.never)) if block.undo else None,
        probe=block.probe,
        settle=block.settle,
        timeout=block.timeout,
        result=block.result,
        errors=tuple(block.errors),
        summary=str(described.get("summary", "")),
        input_schema=_schema(contracts, file, described.get("requestBody")),
        output_schema=_schema(contracts, file, (described.get("responses") or {}).get("200")),
    )
    _check(operation)
    return operation


def _name(file: Path, described: dict[str, Any]) -> str:
    name = str(described.get("operationId", ""))
    if not name.startswith(f"{file.stem}."):
        raise CatalogueError(f"operationId {name!r} must begin with '{file.stem}.'")
    return name


def _schema(contracts: Contracts, file: Path, holder: Any) -> dict[str, Any] | None:
    if not isinstance(holder, dict):
        return None
    schema = contracts.resolve(file, holder).get("content", {}).get(JSON, {}).get("schema")
    return contracts.as_json_schema(schema) if schema is not None else None


def _check(operation: Operation) -> None:
    if operation.effect is Effect.READ and (operation.undo or operation.probe):
        raise CatalogueError("a read has nothing to undo or to probe")
    if operation.result is not None and (operation.effect is Effect.READ or operation.result <= 0):
        raise CatalogueError("result must be above 0 seconds, and a read has none")
    if operation.timeout <= 0 or operation.settle < 0:
        raise CatalogueError("timeout must be above and settle not below 0 seconds")
    if operation.undo and operation.undo.input is not None:
        try:
            expressions.compile(operation.undo.input)
        except expressions.ExpressionSyntaxError as error:
            raise CatalogueError(f"undo.input: {error} at {error.position}") from error
