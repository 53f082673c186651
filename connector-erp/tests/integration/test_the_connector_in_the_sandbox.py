"""The whole connector, by messages: worker, inbox, adapter, and an ERP that loses its replies."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector_erp.adapters import ADAPTERS
from service_kit.broker import Broker, Outgoing, Queue, Source, connect
from service_kit.catalogue import Catalogue
from service_kit.connector import Settings, System, Systems, create_worker
from service_kit.ids import new_id
from service_kit.messages import (
    COMMAND,
    Command,
    CommandKind,
    Completed,
    Outcome,
    Probed,
    ProbeVerdict,
    Rejected,
    Reply,
    Unavailable,
    Unknown,
    event,
)
from service_kit.testing.waiting import until

OPENAPI = Path(__file__).parents[3] / "openapi"
ORDER = {
    "customer": "10100001",
    "currency": "EUR",
    "lines": [{"line": "10", "product": "TG11", "quantity": 2, "unit": "C62"}],
}
Ask = Callable[..., Outcome]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = connect(f"sqlite:///{tmp_path}/broker.sqlite", name="test")
    yield broker
    broker.close()


@pytest.fixture
def ask(broker: Broker, system: System, tmp_path: Path) -> Iterator[Ask]:
    """Sends a command to a running connector and waits for the outcome."""
    settings = Settings(database_url=f"sqlite:///{tmp_path}/inbox.sqlite", broker_url="", openapi_dir=OPENAPI)
    quick = [msgspec.structs.replace(operation, settle=0.2) for operation in Catalogue.load(OPENAPI).of("erp").values()]
    connector = create_worker(
        settings,
        broker,
        connector="erp",
        adapters=ADAPTERS,
        catalogue=Catalogue(quick),
        systems=Systems("erp", systems={"erp": system}),
    )
    broker.declare([Queue("commands.erp"), Queue("replies")])
    connector.start()
    consumer = broker.consume([Source("replies")])

    def send(operation: str, hub_key: str, **more: Any) -> Outcome:
        command = Command(
            id=more.pop("id", new_id()),
            kind=more.pop("kind", CommandKind.EXECUTE),
            instance="i1",
            step=1,
            attempt=1,
            operation=f"erp.{operation}",
            system="erp",
            hub_key=hub_key,
            reply_to="replies",
            **more,
        )
        broker.publish([Outgoing("commands.erp", event(COMMAND, "test", command, id_=command.id))])
        (delivery,) = until(lambda: consumer.take(1, 0.1))
        consumer.ack([delivery])
        outcome = msgspec.json.decode(delivery.event.data, type=Reply).outcome
        assert isinstance(outcome, Outcome)
        return outcome

    yield send
    consumer.close()
    connector.stop()
    connector.engine.dispose()


@pytest.fixture
def hub_key() -> str:
    return new_id()[:12].upper()


def test_a_command_that_is_sent_twice_makes_one_order(sandbox: Any, ask: Ask, hub_key: str) -> None:
    # when
    command = new_id()
    outcomes = [ask("create-sales-order", hub_key, id=command, input=ORDER) for _ in range(2)]

    # then
    assert isinstance(outcomes[0], Completed)
    assert outcomes[0] == outcomes[1]
    assert len(sandbox.orders(hub_key)) == 1


def test_a_lost_reply_is_unknown_and_the_probe_finds_exactly_one_order(sandbox: Any, ask: Ask, hub_key: str) -> None:
    # given
    drop = {"system": "erp", "kind": "drop-after", "operation": "erp.create-sales-order", "match": hub_key}
    sandbox.call("POST", "faults", drop)
    command = new_id()

    # when
    outcome = ask("create-sales-order", hub_key, id=command, input=ORDER)
    found = ask("create-sales-order", hub_key, kind=CommandKind.PROBE, seals=command, input=ORDER)

    # then
    assert isinstance(outcome, Unknown)
    assert isinstance(found, Probed)
    (booked,) = sandbox.orders(hub_key)
    assert (found.verdict, found.references) == (ProbeVerdict.APPLIED, {"salesOrder": booked["number"]})


def test_a_lost_request_is_pending_until_it_has_settled_and_then_absent(sandbox: Any, ask: Ask, hub_key: str) -> None:
    # given
    drop = {"system": "erp", "kind": "drop-before", "operation": "erp.create-sales-order", "match": hub_key}
    sandbox.call("POST", "faults", drop)
    command = new_id()
    outcome = ask("create-sales-order", hub_key, id=command, input=ORDER)

    # when
    def probe() -> Outcome | None:
        found = ask("create-sales-order", hub_key, kind=CommandKind.PROBE, seals=command, input=ORDER)
        return None if found == Probed(verdict=ProbeVerdict.PENDING) else found

    found = until(probe)

    # then
    assert isinstance(outcome, Unknown)
    assert found == Probed(verdict=ProbeVerdict.ABSENT)
    assert sandbox.orders(hub_key) == []


def test_an_erp_that_is_down_is_unavailable(sandbox: Any, ask: Ask, hub_key: str) -> None:
    # given
    down = sandbox.call("POST", "faults", {"system": "erp", "kind": "down"})

    # when
    outcome = ask("create-sales-order", hub_key, input=ORDER)
    sandbox.call("DELETE", f"faults/{down['id']}")

    # then
    assert isinstance(outcome, Unavailable)


def test_an_input_that_does_not_fit_the_catalogue_is_refused_by_its_field(ask: Ask, hub_key: str) -> None:
    # when
    outcome = ask("create-sales-order", hub_key, input={**ORDER, "currency": "euro"})

    # then
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.details) == ("INVALID_INPUT", {"field": "currency"})
