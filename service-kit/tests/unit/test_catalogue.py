"""The catalogue, from contract files."""

from pathlib import Path

import pytest

from service_kit.catalogue import Catalogue, CatalogueError, Effect, Undo
from service_kit.http.contracts import contracts_folder

GOOD = """
openapi: 3.0.3
paths:
  /operations/create-thing:
    post:
      operationId: demo.create-thing
      summary: Create a thing
      x-operation:
        effect: create
        undo: {operation: demo.drop-thing, input: '{"number": output.number}'}
        probe: true
        settle: 5
        timeout: 7
        errors: [NO_SPACE]
      requestBody: {content: {application/json: {schema: {$ref: ../documents/thing.yaml}}}}
  /operations/drop-thing:
    post: {operationId: demo.drop-thing, x-operation: {effect: idempotent}}
  /health:
    get: {operationId: health}
"""
THING = """
type: object
properties:
  weight: {type: number, minimum: 0, exclusiveMinimum: true, nullable: true}
  part: {$ref: part.yaml}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "thing.yaml").write_text(THING)
    (tmp_path / "documents" / "part.yaml").write_text("type: string\n")
    (tmp_path / "connectors" / "demo.yaml").write_text(GOOD)
    return tmp_path


def test_an_operation_is_read_with_its_schema_in_one_piece(folder: Path) -> None:
    operation = Catalogue.load(folder)["demo.create-thing"]

    assert (operation.connector, operation.effect, operation.method) == ("demo", Effect.CREATE, "create_thing")
    assert operation.undo == Undo("demo.drop-thing", '{"number": output.number}')
    assert (operation.probe, operation.settle, operation.timeout, operation.errors) == (True, 5, 7, ("NO_SPACE",))
    assert operation.input_schema == {
        "type": "object",
        "properties": {"weight": {"type": ["number", "null"], "exclusiveMinimum": 0}, "part": {"type": "string"}},
    }


def test_an_undo_is_read_with_the_refusals_that_say_that_there_is_nothing_to_undo(folder: Path) -> None:
    file = GOOD.replace("demo.drop-thing, input", "demo.drop-thing, never: [GONE], input")
    file = file.replace("{effect: idempotent}", "{effect: idempotent, errors: [GONE]}")
    (folder / "connectors" / "demo.yaml").write_text(file)

    assert Catalogue.load(folder)["demo.create-thing"].undo == Undo(
        "demo.drop-thing", '{"number": output.number}', ("GONE",)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("effect: create", "effect: destroy", "destroy"),
        ("effect: create", "efect: create", "efect"),
        ("demo.drop-thing, input", "demo.gone, input", "demo.gone is not in the catalogue"),
        ("demo.drop-thing, input", "demo.drop-thing, never: [GONE], input", "demo.drop-thing has no error GONE"),
        ("operationId: demo.create-thing", "operationId: other.create-thing", "must begin with 'demo.'"),
        ('{"number": output.number}', '{"number": }', "undo.input"),
        ("../documents/thing.yaml", "../documents/nothing.yaml", "nothing.yaml"),
        ("effect: create", "effect: read", "a read has nothing to undo"),
        ("timeout: 7", "timeout: 0", "timeout must be above"),
        ("paths:", "paths: [", "demo.yaml"),
    ],
)
def test_a_mistake_names_the_file_and_the_reason(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "connectors" / "demo.yaml").write_text(GOOD.replace(old, new))

    with pytest.raises(CatalogueError, match=message):
        Catalogue.load(folder)


def test_a_document_that_contains_itself_is_refused(folder: Path) -> None:
    (folder / "documents" / "part.yaml").write_text("type: array\nitems: {$ref: thing.yaml}\n")

    with pytest.raises(CatalogueError, match="itself"):
        Catalogue.load(folder)


def test_the_shipped_catalogue_is_right() -> None:
    catalogue = Catalogue.load(contracts_folder())

    assert {"erp.create-sales-order", "wms.reserve-stock", "crm.update-order-status"} <= set(catalogue)
    assert set(catalogue.of("erp")) == {name for name in catalogue if name.startswith("erp.")}
