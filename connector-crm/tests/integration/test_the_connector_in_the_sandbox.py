"""The whole connector: its poller publishes what people confirm in the CRM."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from connector_crm.adapters import ADAPTERS
from service_kit.broker import Broker, Queue, Source, connect
from service_kit.catalogue import Catalogue
from service_kit.connector import Connector, Settings, System, Systems, create_worker
from service_kit.messages import CloudEvent
from service_kit.testing.waiting import until

OPENAPI = Path(__file__).parents[3] / "openapi"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = connect(f"sqlite:///{tmp_path}/broker.sqlite", name="test")
    broker.declare([Queue("events")])
    yield broker
    broker.close()


@pytest.fixture
def connector(broker: Broker, system: System, tmp_path: Path) -> Iterator[Connector]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/inbox.sqlite", broker_url="", openapi_dir=OPENAPI)
    systems = Systems("crm", systems={"crm": system})
    connector = create_worker(settings, broker, connector="crm", adapters=ADAPTERS, systems=systems)
    connector.start()
    yield connector
    connector.stop()
    connector.engine.dispose()


@pytest.mark.usefixtures("connector")
def test_a_confirmed_order_is_published_as_a_canonical_document(sandbox: Any, broker: Broker) -> None:
    # given
    order = sandbox.confirm_order()
    consumer = broker.consume([Source("events")])

    # when
    found: list[CloudEvent] = []

    def ours() -> CloudEvent | None:
        found.extend(delivery.event for delivery in consumer.take(10, 0.1))
        return next((event for event in found if event.subject == order["OrderNumber"]), None)

    event = until(ours)
    consumer.close()

    # then
    assert event is not None
    assert (event.type, event.source) == ("crm.order.confirmed", "crm/crm")
    document = msgspec.json.decode(event.data)
    schema = Catalogue.load(OPENAPI)["crm.read-order"].output_schema
    Draft202012Validator(schema or {}).validate(document)
    assert (document["id"], document["status"]) == (order["Id"], "confirmed")
