from collections.abc import Callable

import pytest

from saga_coordinator import bpmn
from service_kit import expressions
from service_kit.catalogue import Catalogue, Effect, Operation, Undo

OPERATIONS = [
    Operation("erp.read-order", "erp", Effect.READ),
    Operation(
        "erp.create-order", "erp", Effect.CREATE, undo=Undo("erp.cancel-order", '{"number": output.number}', ("GONE",))
    ),
    Operation("erp.cancel-order", "erp", Effect.IDEMPOTENT),
    Operation("erp.post-invoice", "erp", Effect.CREATE, probe=True, settle=5, timeout=20),
    Operation("crm.set-status", "crm", Effect.IDEMPOTENT),
]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(OPERATIONS)


@pytest.fixture
def lint(catalogue: Catalogue) -> Callable[[bytes], list[bpmn.Finding]]:
    return lambda xml: bpmn.lint(xml, catalogue=catalogue, compile=expressions.compile)


@pytest.fixture
def lint_tolerantly() -> Callable[[bytes], list[bpmn.Finding]]:
    return lambda xml: bpmn.lint(xml, catalogue=None, compile=expressions.compile, tolerant=True)
