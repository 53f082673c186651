"""SAP S/4HANA keeps what every connector must keep."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from connector_erp.adapters import ADAPTERS
from service_kit.connector.call import AdapterFactory
from service_kit.testing.connector_suite import ConnectorSuite, Examples

ORDER = {
    "customer": "10100001",
    "currency": "EUR",
    "lines": [{"line": "10", "product": "TG11", "quantity": 2, "unit": "C62"}],
}


class TestErp(ConnectorSuite):
    connector = "erp"
    adapters: ClassVar[Mapping[str, AdapterFactory]] = ADAPTERS

    @pytest.fixture
    def examples(self) -> Examples:
        return {
            "erp.create-sales-order": ORDER,
            "erp.cancel-sales-order": {"number": "1"},
        }
