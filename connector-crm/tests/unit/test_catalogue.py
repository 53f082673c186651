from pathlib import Path

from connexion.spec import Specification

from connector_crm.adapters import ADAPTERS
from service_kit.catalogue import Catalogue
from service_kit.contracts import Contracts

OPENAPI = Path(__file__).parents[3] / "openapi"
CATALOGUE = Catalogue.load(OPENAPI).of("crm")


def test_every_adapter_has_a_method_for_every_operation_and_every_probe() -> None:
    for adapter in ADAPTERS.values():
        for operation in CATALOGUE.values():
            assert callable(getattr(adapter, operation.method, None)), operation.name
            assert hasattr(adapter, f"probe_{operation.method}") == operation.probe, operation.name


def test_every_adapter_has_mappings() -> None:
    for name in ADAPTERS:
        assert list((Path(__file__).parents[2] / "src" / "connector_crm" / "mappings" / name).glob("*.yaml")), name


def test_the_contract_is_valid_with_the_documents_that_it_refers_to() -> None:
    file = OPENAPI / "connectors" / "crm.yaml"
    contracts = Contracts()

    Specification.from_dict(contracts.resolve(file, contracts.read(file)))
