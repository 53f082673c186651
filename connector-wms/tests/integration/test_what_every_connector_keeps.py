"""The warehouse's staging tables keep what every connector must keep."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from connector_wms.adapters import ADAPTERS
from connector_wms.adapters.staging_tables import StagingTables
from service_kit.connector.call import AdapterFactory
from service_kit.testing.calls import MakeCall
from service_kit.testing.connector_suite import ConnectorSuite, Examples

LINES = [{"line": "10", "product": "TG11", "quantity": 1, "unit": "C62"}]


class TestWms(ConnectorSuite):
    connector = "wms"
    adapters: ClassVar[Mapping[str, AdapterFactory]] = ADAPTERS
    nowhere = "postgresql+psycopg://nobody:nothing@127.0.0.1:9/nowhere"

    @pytest.fixture
    def examples(self, wms: StagingTables, call: MakeCall) -> Examples:
        reservation = {"salesOrder": "5000001", "lines": LINES}
        number = wms.reserve_stock(call("reserve-stock", reservation)).output["number"]
        delivery = {**reservation, "reservation": number, "customer": "10100001"}
        return {"wms.reserve-stock": reservation, "wms.create-outbound-delivery": delivery}
