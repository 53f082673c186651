"""Deploying processes and starting instances, over stand-ins for the services behind."""

from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from gateway.testing import FakeCoordinator

pytestmark = pytest.mark.anyio

XML = {"Content-Type": "application/xml"}
START = "/processes/hello/instances"


# -- processes


async def test_a_diagram_is_deployed_on_behalf_of_the_caller(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    answer = await client.post("/processes", content=b"<definitions/>", headers=XML)

    assert answer.status_code == 201
    assert answer.headers["location"] == "/processes/hello/versions/1/xml"
    assert coordinator.asked == [("deploy_process", "key:admin", b"<definitions/>")]


async def test_a_dry_run_deploys_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/processes?dry_run=true", content=b"<definitions/>", headers=XML)

    assert answer.status_code == 200
    assert answer.json()["deployed"] is False


async def test_a_diagram_that_cannot_run_is_refused_with_its_findings(client: httpx.AsyncClient) -> None:
    answer = await client.post("/processes", content=b"<bad/>", headers=XML)

    assert answer.status_code == 422
    assert answer.json()["code"] == "NOT_DEPLOYABLE"
    assert answer.json()["findings"][0]["line"] == 3


async def test_a_diagram_that_is_no_xml_type_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/processes", json={"a": 1})).status_code == 415


# -- decisions


async def test_decisions_are_deployed_on_behalf_of_the_caller(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    answer = await client.post("/decisions", content=b"<definitions/>", headers=XML)

    assert (answer.status_code, answer.json()["decisions"][0]["version"]) == (201, 1)
    assert coordinator.asked == [("deploy_decisions", "key:admin", b"<definitions/>")]


async def test_a_dry_run_deploys_no_decision(client: httpx.AsyncClient) -> None:
    answer = await client.post("/decisions?dry_run=true", content=b"<definitions/>", headers=XML)

    assert (answer.status_code, answer.json()["decisions"][0]["deployed"]) == (200, False)


async def test_decisions_that_cannot_run_are_refused_with_their_findings(client: httpx.AsyncClient) -> None:
    answer = await client.post("/decisions", content=b"<bad/>", headers=XML)

    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_DEPLOYABLE")
    assert answer.json()["findings"][0]["rule"] == "bad-unary-test"


async def test_decisions_and_their_versions_are_listed_and_read(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/decisions")).json()["items"]
    versions = (await client.get("/decisions/discount/versions")).json()["items"]
    xml = await client.get("/decisions/discount/versions/1/xml")

    assert [row["decision"] for row in (*listed, *versions)] == ["discount", "discount"]
    assert (xml.headers["content-type"], xml.content) == ("application/xml", b"<definitions/>")


# -- starting


async def test_a_start_is_answered_when_it_is_recorded(client: httpx.AsyncClient) -> None:
    answer = await client.post(START, json={"variables": {"number": "SO-1"}})

    assert answer.status_code == 201
    assert answer.headers["location"] == "/instances/i1"
    assert answer.json()["status"] == "waiting"


async def test_a_start_need_not_be_waited_for(client: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    answer = await client.post(START, json={"variables": {}}, headers={"Prefer": "respond-async"})

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json() == {"id": "i1", "status": "accepted"}
    assert coordinator.asked[0][2]["wait"] == 0


async def test_a_start_that_takes_too_long_is_answered_with_its_address(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    coordinator.late = True

    answer = await client.post(START, json={"variables": {}})

    assert (answer.status_code, answer.headers["location"]) == (202, "/instances/i1")


async def test_a_start_may_wait_for_the_end(client: httpx.AsyncClient, coordinator: FakeCoordinator) -> None:
    answer = await client.post(START, json={"variables": {}}, headers={"Prefer": "wait=30"})

    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.json()["status"] == "completed"
    assert coordinator.asked[0][2]["wait_end"] == 30


async def test_an_idempotency_key_goes_along_with_who_used_it(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    await client.post(START, json={"variables": {}}, headers={"Idempotency-Key": "k1"})

    (operation, actor, asked) = coordinator.asked[0]
    assert (operation, actor, asked["idempotency_key"]) == ("start_instance", "key:admin", "k1")


async def test_a_start_may_name_the_event_that_begins_and_bring_its_data(
    client: httpx.AsyncClient, coordinator: FakeCoordinator
) -> None:
    begun = {"element": "OrderConfirmed", "payload": {"number": "SO-1", "status": "confirmed"}}

    answer = await client.post(START, json={"variables": {}, **begun})

    assert answer.status_code == 201
    assert {name: coordinator.asked[0][2][name] for name in begun} == begun


async def test_a_taken_business_key_names_the_instance_that_has_it(client: httpx.AsyncClient) -> None:
    answer = await client.post(START, json={"variables": {}, "business_key": "taken"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "BUSINESS_KEY_TAKEN"
    assert answer.json()["existing_instance"] == "i0"


async def test_a_process_may_return_the_existing_instance(client: httpx.AsyncClient) -> None:
    assert (await client.post(START, json={"variables": {}, "business_key": "returned"})).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "variables"),
        ({"variables": []}, "variables"),
        ({"variables": {}, "varaibles": {}}, "varaibles"),
        ({"variables": {}, "version": "1"}, "version"),
        ({"variables": {"order": {"lines": [{"id": 2**53 + 1}]}}}, "variables.order.lines.0.id"),
        ({"variables": {"name": "a\x00b"}}, "variables.name"),
        ({"variables": {}, "business_key": ""}, "business_key"),
        ({"variables": {}, "business_key": "k" * 501}, "business_key"),
        ({"variables": {}, "element": ""}, "element"),
        ({"variables": {}, "payload": {"name": "a\x00b"}}, "payload.name"),
    ],
)
async def test_a_wrong_body_is_refused_naming_the_field(client: httpx.AsyncClient, body: Any, field: str) -> None:
    answer = await client.post(START, json=body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient, settings: Settings) -> None:
    large = b" " * (settings.body_limit + 1)

    answer = await client.post(START, content=large, headers={"Content-Type": "application/json"})

    assert answer.status_code == 413
