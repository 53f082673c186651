"""Events, messages and connectors' operations, and what is told when a service is away."""

import httpx
import pytest
from sqlalchemy import Engine
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.settings import Door, Settings
from gateway.testing import FakeConnector, FakeCoordinator, FakeMonitor

pytestmark = pytest.mark.anyio


# -- events


async def test_events_are_taken_in_all_three_modes(client: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    # given
    event = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "t", "data": {"a": 1}}
    binary = {"ce-specversion": "1.0", "ce-id": "2", "ce-source": "/crm", "ce-type": "t"}

    # when
    answers = [
        await client.post("/events", json=event, headers={"Content-Type": "application/cloudevents+json"}),
        await client.post("/events", json=[event] * 2, headers={"Content-Type": "application/cloudevents-batch+json"}),
        await client.post("/events", json={"b": 2}, headers=binary),
    ]

    # then
    assert [(answer.status_code, answer.json()["accepted"]) for answer in answers] == [(202, 1), (202, 2), (202, 1)]
    assert coordinator.asked[0][2] == [event]
    assert coordinator.asked[2][2] == [
        {"specversion": "1.0", "id": "2", "source": "/crm", "type": "t", "data": {"b": 2}}
    ]


async def test_the_same_message_sent_again_keeps_its_id(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    # given
    message = {"name": "delivered", "key": "SO-1", "payload": {"by": "Zhang"}, "ttl": 60}

    # when
    ids = [
        (await client.post("/messages", json=message, headers={"Idempotency-Key": key})).json()["id"]
        for key in ("k1", "k1", "k2")
    ]

    # then
    assert ids[0] == ids[1] != ids[2]
    (event,) = coordinator.asked[0][2]
    assert (event["type"], event["subject"], event["data"]) == ("delivered", "SO-1", {"by": "Zhang"})
    assert event["ttl"] == 60


async def test_a_message_is_no_signal_and_a_signal_no_message(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    # given
    signal = {"name": "plant-closed", "payload": {"plant": "1010"}}

    # when
    answers = [
        await client.post("/signals", json=signal, headers={"Idempotency-Key": key}) for key in ("k1", "k1", "k2")
    ]
    await client.post("/messages", json={"name": "plant-closed", "key": "1010"})
    unnamed = await client.post("/signals", json={"payload": {}})

    # then
    ids = [answer.json()["id"] for answer in answers]
    assert ids[0] == ids[1] != ids[2]
    (event,) = coordinator.asked[0][2]
    assert (event["type"], event["data"], "subject" in event) == ("plant-closed", {"plant": "1010"}, False)
    assert coordinator.routings == ["signal"] * 3 + ["message"]
    assert (unnamed.status_code, unnamed.json()["errors"][0]["field"]) == (400, "name")


# -- connectors


async def test_a_connectors_operation_is_called_through_its_door(
    client: httpx.AsyncClient, connector: FakeConnector
) -> None:
    headers = {"X-System": "erp-plant2", "Idempotency-Key": "k1"}

    answer = await client.post("/connectors/erp/operations/read-sales-order", json={"number": "1"}, headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"number": "1"})
    sent = connector.headers[0]
    assert sent["x-system"] == "erp-plant2"
    assert sent["authorization"] == "Bearer internal"
    assert sent["idempotency-key"] != "k1", "callers' keys must not meet"


@pytest.mark.parametrize(("operation", "status"), [("refuse", 409), ("unknown", 504), ("broken", 504)])
async def test_a_connectors_refusal_is_passed_on(client: httpx.AsyncClient, operation: str, status: int) -> None:
    answer = await client.post(f"/connectors/erp/operations/{operation}", json={})

    assert answer.status_code == status
    assert answer.json()["code"] == ("UNKNOWN" if operation == "broken" else "CREDIT_BLOCKED")


async def test_an_unknown_connector_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.post("/connectors/mes/operations/x", json={})).status_code == 404


# -- the services behind


async def test_a_system_calls_back_with_a_result(client: httpx.AsyncClient) -> None:
    known = await client.post("/connectors/erp/results", json={"reference": "1", "outcome": "completed"})
    early = await client.post("/connectors/erp/results", json={"hubKey": "K", "outcome": "completed"})
    wrong = await client.post("/connectors/erp/results", json={"reference": "1", "outcome": "maybe"})
    nobody = await client.post("/connectors/none/results", json={"reference": "1", "outcome": "completed"})

    assert (known.status_code, known.json()) == (200, {"result": "recorded"})
    assert (early.status_code, early.json()) == (202, {"result": "early"})
    assert [wrong.status_code, nobody.status_code] == [400, 404]


async def test_a_service_that_is_away_is_told_and_when_to_come_back(engine: Engine, admin_key: str) -> None:
    # given
    away = Settings("", "t", "http://127.0.0.1:1", "http://127.0.0.1:1", connectors=(Door("erp=http://127.0.0.1:1"),))
    headers = {"Authorization": f"Bearer {admin_key}"}
    transport = httpx.ASGITransport(create_app(away, engine, validate_responses=True))

    # when
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        answers = [
            await client.get("/instances/i1"),
            await client.get("/instances"),
            await client.post("/connectors/erp/operations/x", json={}),
        ]
        ready = await client.get("/ready")

    # then
    assert [answer.status_code for answer in answers] == [503] * 3
    assert all(answer.headers["retry-after"] == "5" for answer in answers)
    assert ready.json()["checks"] == {"database": True, "coordinator": False, "monitor": False}


async def test_readiness_asks_the_services_behind(client: httpx.AsyncClient, monitor: FakeMonitor) -> None:
    assert (await client.get("/ready")).json()["status"] == "ok"

    monitor.ready = False

    answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["monitor"] is False


@pytest.mark.parametrize(
    "path", ["/health", "/version", "/metrics", "/docs/", "/docs/assets/swagger-ui-bundle.js", "/openapi.json"]
)
async def test_some_pages_need_no_key(app: ASGIApp, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as stranger:
        assert (await stranger.get(path)).status_code == 200


async def test_the_documentation_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs/")

    assert "//" not in page.text.replace("<!DOCTYPE html>", "")
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_the_root_leads_to_the_documentation(app: ASGIApp) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as stranger:
        answer = await stranger.get("/")

    assert (answer.status_code, answer.headers["location"]) == (307, "/docs/")


async def test_a_request_id_is_kept_and_comes_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/instances/i2", headers={"X-Request-Id": "mine-1"})

    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json()["request_id"] == "mine-1"
