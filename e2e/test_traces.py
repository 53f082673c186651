"""One order is one connected trace: from whoever tells of it to the calls of the vendors' systems."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.collector import Collector, Span, collecting
from e2e.hubs import ServicesHub, write_systems
from e2e.stacks import Stack, new_key, order, prepared
from e2e.test_events import confirmed, crm_order
from sandbox.testing import SandboxProcess
from service_kit.testing.waiting import until

OFTEN = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # ms


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def hub(
    tmp_path: Path,
    collector: Collector,
    sandbox: SandboxProcess,
    fresh_amqp_url: str,
    service_databases: dict[str, str],
) -> Iterator[Stack]:
    """In services mode, whose traces go to the collector."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **OFTEN}
    systems = write_systems(tmp_path, sandbox)
    hub = ServicesHub(tmp_path, systems, fresh_amqp_url, service_databases, environ=environ)
    hub.start()
    try:
        yield prepared(Stack(hub, sandbox, fresh_amqp_url, systems))
    finally:
        hub.stop()


class Caller:
    """Somebody who is in a trace of their own."""

    def __init__(self) -> None:
        self.trace = secrets.token_hex(16)
        self.span = secrets.token_hex(8)
        self.traceparent = f"00-{self.trace}-{self.span}-01"


@pytest.mark.timeout(240)
def test_one_order_is_one_connected_trace(hub: Stack, collector: Collector) -> None:
    # given orders of which the hub hears in each way: a start, an event in a request that has a trace, an event with a
    # trace of its own, and the CRM connector's own asking
    caller, teller, shop = Caller(), Caller(), Caller()
    numbers = {name: new_key(name) for name in ("start", "request", "event", "poll")}
    drafts = {name: hub.sandbox.call("POST", "crm/orders", crm_order(numbers[name], "Draft")) for name in numbers}
    orders = {name: order(numbers[name]) | {"id": drafts[name]["Id"]} for name in numbers}

    # when; no saga comes to its end before its order is confirmed in the CRM, and the CRM's own news come last
    with hub.fault("erp", "down"):
        headers, payload = {"traceparent": caller.traceparent}, orders["start"]
        started = hub.start("order-to-delivery", {}, headers, element="OrderConfirmed", payload=payload)
        assert started.status_code == 201, started.text
        in_request = {**confirmed(numbers["request"]), "data": orders["request"]}
        tell(hub, in_request, teller.traceparent)
        tell(hub, {**confirmed(numbers["event"]), "data": orders["event"], "traceparent": shop.traceparent})
        told = [hub.named(numbers[name]) for name in ("start", "request", "event")]
        for draft in drafts.values():
            hub.sandbox.call("PATCH", f"crm/orders/{draft['Id']}", {"status": "Confirmed"})
    ended = {name: hub.wait(hub.named(number)) for name, number in numbers.items()}

    # then
    assert {each["status"] for each in ended.values()} == {"completed"}, ended
    assert [each["id"] for each in ended.values()][:3] == told
    for name, told_by in {"start": caller, "request": teller, "event": shop, "poll": None}.items():
        spans = trace_of(collector, ended[name]["id"])
        check_connected(spans, told_by)
        check_whole(spans)


def tell(hub: Stack, event: dict[str, object], traceparent: str | None = None) -> None:
    """Publish an event, in a request that may belong to a trace."""
    headers = {"Content-Type": "application/cloudevents+json"}
    headers |= {"traceparent": traceparent} if traceparent else {}
    answer = hub.call("POST", "/events", data=json.dumps(event), headers=headers)
    assert answer.status_code == 202, answer.text


def trace_of(collector: Collector, instance: str) -> list[Span]:
    """All spans of the one trace that this instance is in, once its last step's are there."""

    def ours() -> list[Span]:
        return [span for span in collector.spans() if span.attributes.get("instance") == instance]

    until(lambda: any(span.name == "crm.update-order-status" for span in ours()), timeout=30)
    (trace,) = {span.trace for span in ours()}
    return [span for span in collector.spans() if span.trace == trace]


def check_connected(spans: list[Span], caller: Caller | None) -> None:
    """Every span hangs below another one, up to the caller's, or to the one that began it all."""
    known = {span.id for span in spans}
    tops = [span for span in spans if span.parent not in known]
    if caller is None:
        (top,) = tops
        assert (top.parent, top.name, top.service) == ("", "crm.order.confirmed", "connector-crm")
    else:
        assert {(span.trace, span.parent) for span in tops} == {(caller.trace, caller.span)}, tops


def check_whole(spans: list[Span]) -> None:
    """The coordinator's commands, what the connectors did for them, and their calls of the vendors' systems."""
    by_id = {span.id: span for span in spans}
    below = {(by_id[span.parent].name, span.service, span.name) for span in spans if span.parent in by_id}
    for connector, operation in {
        ("connector-erp", "erp.check-credit"),
        ("connector-erp", "erp.create-sales-order"),
        ("connector-wms", "wms.reserve-stock"),
        ("connector-crm", "crm.update-order-status"),
    }:
        assert ("start order-to-delivery", "saga-coordinator", f"send {operation}") in below
        assert (f"send {operation}", connector, operation) in below
    calls = [span for span in spans if span.kind == "CLIENT"]
    assert {by_id[call.parent].name for call in calls} >= {"erp.create-sales-order", "crm.update-order-status"}
    created = [call for call in calls if by_id[call.parent].name == "erp.create-sales-order" and call.name == "POST"]
    assert created[-1].attributes["url.path"].endswith("/A_SalesOrder")
