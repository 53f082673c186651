"""Salesforce keeps what every connector must keep."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from connector_crm.adapters import ADAPTERS
from service_kit.connector.call import AdapterFactory
from service_kit.testing.connector_suite import ConnectorSuite, Examples


class TestCrm(ConnectorSuite):
    connector = "crm"
    adapters: ClassVar[Mapping[str, AdapterFactory]] = ADAPTERS

    @pytest.fixture
    def examples(self) -> Examples:
        return {
            "crm.update-order-status": {"order": "801000000000001AAA", "status": "in-delivery", "from": "confirmed"},
        }
