"""Who comes in, how often, and who may make keys."""

import httpx
import pytest
from sqlalchemy import Engine

from gateway.app import create_app
from gateway.settings import Settings
from gateway.store import Store, ensure_admin_key
from gateway.testing import FakeCoordinator

pytestmark = pytest.mark.anyio

START = "/processes/hello/instances"


def _key(engine: Engine, *roles: str) -> dict[str, str]:
    _, text = Store(engine).create_key("-".join(roles), roles, "test")
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer nonsense", "Basic dTpw", f"Bearer tl_{'a' * 10}_{'b' * 43}"]
)
async def test_nobody_comes_in_without_a_valid_key(client: httpx.AsyncClient, authorization: str) -> None:
    answer = await client.get("/processes", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_key_with_the_wrong_role_is_refused(client: httpx.AsyncClient, engine: Engine) -> None:
    viewer = _key(engine, "viewer")

    assert (await client.get("/processes", headers=viewer)).status_code == 200
    assert (await client.post(START, json={"variables": {}}, headers=viewer)).status_code == 403


async def test_a_revoked_key_opens_nothing_any_more(client: httpx.AsyncClient) -> None:
    # given
    made = (await client.post("/api-keys", json={"name": "crm", "roles": ["operator"]})).json()
    crm = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/processes", headers=crm)).status_code == 200

    # when
    revoked = await client.delete(f"/api-keys/{made['id']}")

    # then
    assert revoked.status_code == 204
    assert (await client.get("/processes", headers=crm)).status_code == 401


async def test_the_secret_of_a_key_is_shown_once(client: httpx.AsyncClient) -> None:
    made = (await client.post("/api-keys", json={"name": "crm", "roles": ["operator"]})).json()

    listed = await client.get("/api-keys")

    assert {key["name"] for key in listed.json()["items"]} == {"crm", "admin"}
    assert made["key"].rpartition("_")[2] not in listed.text


async def test_a_name_has_one_valid_key_at_a_time(client: httpx.AsyncClient) -> None:
    wanted = {"name": "crm", "roles": ["viewer"]}
    made = (await client.post("/api-keys", json=wanted)).json()

    assert (await client.post("/api-keys", json=wanted)).status_code == 409
    await client.delete(f"/api-keys/{made['id']}")
    assert (await client.post("/api-keys", json=wanted)).status_code == 201


async def test_a_key_that_would_be_over_already_is_refused(client: httpx.AsyncClient) -> None:
    wanted = {"name": "crm", "roles": ["viewer"], "expires_at": "2020-01-01T00:00:00Z"}

    answer = await client.post("/api-keys", json=wanted)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "expires_at"


def test_the_first_admin_key_is_made_once(engine: Engine) -> None:
    assert ensure_admin_key(engine) is not None
    assert ensure_admin_key(engine) is None


async def test_too_many_requests_are_told_when_to_come_back(
    engine: Engine, settings: Settings, admin_key: str, coordinator: FakeCoordinator
) -> None:
    # given
    slow = Settings("", settings.internal_token, "", "", rate_limit=0.1, rate_burst=1)
    app = create_app(slow, engine, coordinator=coordinator.app)
    headers = {"Authorization": f"Bearer {admin_key}"}

    # when
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway", headers=headers
    ) as client:
        answers = [await client.get("/processes") for _ in range(2)]

    # then
    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["retry-after"]) >= 1
