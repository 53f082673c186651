"""The app factory, on a small contract of its own."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp

from service_kit.broker import BrokerUnavailable
from service_kit.http import (
    Caller,
    InternalAuth,
    InternalGuard,
    NotFound,
    TooManyRequests,
    answer,
    create_app,
    current_caller,
)
from service_kit.http.app import HandlerMissing
from service_kit.http.identity import TokenMissing
from service_kit.http.trace import request_id
from service_kit.tracing import traceparent

pytestmark = pytest.mark.anyio

CONTRACT = """
openapi: 3.0.3
info: {title: Things, version: 1.0.0}
paths:
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string, pattern: '^[a-z-]+$'}}]
    get:
      operationId: read_thing
      parameters: [{name: depth, in: query, schema: {type: integer, maximum: 5, default: 1}}]
      responses: {'200': {description: It., content: {application/json: {schema: {type: object}}}}}
    put:
      operationId: write_thing
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [name]
              properties:
                name: {type: string}
                lines: {type: array, items: {type: object, properties: {quantity: {type: integer}}}}
          application/xml: {schema: {type: string}}
      responses: {'204': {description: Written.}}
"""


class Stolen(Exception):
    """The thing was stolen."""

    code = "STOLEN"


class Things:
    """Handlers that note what they see."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.errors: Mapping[str, Exception] = {
            "nowhere": NotFound("There is no such thing."),
            "stolen": Stolen("It was stolen."),
            "busy": TooManyRequests(retry_after=2.2),
            "away": BrokerUnavailable("amqp://broker.example:5672 refused"),
            "broken": RuntimeError("the password is hunter2"),
        }

    async def read_thing(self, id: str, depth: int) -> Response:  # noqa: A002
        if id in self.errors:
            raise self.errors[id]
        self.seen |= {"caller": current_caller(), "traceparent": traceparent(), "request_id": request_id()}
        return answer({"id": id, "depth": depth})

    def write_thing(self, id: str, body: Any) -> Response:  # noqa: A002
        self.seen["body"] = body
        return answer(status=204)


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    file = tmp_path / "things.yaml"
    file.write_text(CONTRACT)
    return file


@pytest.fixture
def app(contract: Path, things: Things) -> ASGIApp:
    return create_app(
        contract,
        {"read_thing": things.read_thing, "write_thing": things.write_thing},
        service="things",
        guard=InternalGuard("t0ken"),
        problems={Stolen: 409},
        checks={"shelf": lambda: True},
        body_limit=1000,
        validate_responses=True,
    )


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://things", auth=InternalAuth("t0ken")
    ) as client:
        yield client


async def test_parameters_come_typed_and_with_their_defaults(client: httpx.AsyncClient) -> None:
    assert (await client.get("/things/a")).json() == {"id": "a", "depth": 1}
    assert (await client.get("/things/a?depth=3")).json() == {"id": "a", "depth": 3}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/things/A", "id"),
        ("/things/a?depth=6", "depth"),
        ("/things/a?depth=x", "depth"),
        ("/things/a?width=1", "width"),
    ],
)
async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient, path: str, field: str) -> None:
    told = (await client.get(path)).json()

    assert told["status"] == 400
    assert [error["field"] for error in told["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", [""]),
        (b"null", [""]),
        (b"{}", ["name"]),
        (b'{"name": 1, "size": 2}', ["size", "name"]),
        (b'{"name": "a", "lines": [{}, {"quantity": "3"}]}', ["lines.1.quantity"]),
        (b'{"name": "a", "lines": [{"quantity": 9007199254740993}]}', ["lines.0.quantity"]),
        (b'{"name": "a\\u0000"}', ["name"]),
        (b'{"name": "\\ud800"}', ["name"]),
        (b'{"name": "a", "lines": [{"quantity": 1e999}]}', ["lines.0.quantity"]),
        (b'{"name": "a", "lines": [{"quantity": NaN}]}', ["lines.0.quantity"]),
    ],
)
async def test_a_wrong_body_is_refused_naming_every_field(
    client: httpx.AsyncClient, body: bytes, fields: list[str]
) -> None:
    told = (await client.put("/things/a", content=body, headers={"Content-Type": "application/json"})).json()

    assert told["status"] == 400
    assert [error["field"] for error in told["errors"]] == fields


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 900])
async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answered = await client.put("/things/a", content=body, headers={"Content-Type": "application/json"})

    assert answered.status_code == 400


async def test_a_body_may_come_in_chunks_and_without_a_content_type(client: httpx.AsyncClient, things: Things) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"na'
        yield b'me": "a"}'

    assert (await client.put("/things/a", content=chunks())).status_code == 204
    assert things.seen["body"] == {"name": "a"}


async def test_a_body_of_another_kind_comes_as_bytes(client: httpx.AsyncClient, things: Things) -> None:
    await client.put("/things/a", content=b"<a/>", headers={"Content-Type": "application/xml"})

    assert things.seen["body"] == b"<a/>"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_beyond_the_limit_is_refused(client: httpx.AsyncClient, declared: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    answered = await client.put("/things/a", content=b" " * 1001 if declared else chunks())

    assert answered.status_code == 413


@pytest.mark.parametrize(
    ("thing", "status", "detail"),
    [
        ("nowhere", 404, "There is no such thing."),
        ("stolen", 409, "It was stolen."),
        ("busy", 429, "Too many requests: wait before the next."),
    ],
)
async def test_errors_become_problems(client: httpx.AsyncClient, thing: str, status: int, detail: str) -> None:
    answered = await client.get(f"/things/{thing}")

    assert answered.headers["content-type"] == "application/problem+json"
    told = answered.json()
    assert (answered.status_code, told["status"], told["detail"]) == (status, status, detail)
    assert told["request_id"] == answered.headers["x-request-id"]


async def test_an_errors_code_and_waiting_time_are_told(client: httpx.AsyncClient) -> None:
    assert (await client.get("/things/stolen")).json()["code"] == "STOLEN"
    assert (await client.get("/things/busy")).headers["retry-after"] == "2"


@pytest.mark.parametrize(("thing", "status"), [("broken", 500), ("away", 503)])
async def test_what_went_wrong_inside_is_not_told(client: httpx.AsyncClient, thing: str, status: int) -> None:
    answered = await client.get(f"/things/{thing}")

    assert answered.status_code == status
    for secret in ("hunter2", "broker.example", "Traceback", "RuntimeError"):
        assert secret not in answered.text


async def test_what_is_not_there_and_what_cannot_be_done_to_it_are_problems_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nothing")).json()["status"] == 404
    assert (await client.delete("/things/a")).json()["status"] == 405


@pytest.mark.parametrize("token", [None, "Bearer wrong", "Bearer ", "t0ken"])
async def test_nobody_comes_in_without_the_internal_token(client: httpx.AsyncClient, token: str | None) -> None:
    headers = {"Authorization": token} if token else {}

    answered = await client.get("/things/a", headers=headers, auth=httpx.Auth())

    assert answered.status_code == 401


def test_an_empty_internal_token_is_no_token() -> None:
    with pytest.raises(TokenMissing):
        InternalGuard("")
    with pytest.raises(TokenMissing):
        InternalAuth("")


async def test_the_caller_that_a_trusted_service_names_is_the_caller(client: httpx.AsyncClient, things: Things) -> None:
    named = {"Authorization": "Bearer t0ken", "X-Throughline-Actor": "%E5%BC%A0%E4%BC%9F"}

    await client.get("/things/a", headers={**named, "X-Throughline-Roles": "viewer, operator"}, auth=httpx.Auth())

    assert things.seen["caller"] == Caller("张伟", frozenset({"viewer", "operator"}))


async def test_one_app_calling_another_in_this_process_stays_itself(contract: Path, app: ASGIApp) -> None:
    # given
    inner = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inner", auth=InternalAuth("t0ken"))

    async def read_thing(id: str, depth: int) -> Response:  # noqa: A002
        before = request_id()
        found = await inner.get(f"/things/{id}-inner")
        return answer({"found": found.json()["id"], "same": before == request_id() == found.headers["x-request-id"]})

    outer = create_app(contract, {"read_thing": read_thing, "write_thing": read_thing}, service="outer")

    # when
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://outer") as client:
        answered = await client.get("/things/a")

    # then
    assert answered.json() == {"found": "a-inner", "same": True}


async def test_the_trace_goes_on(client: httpx.AsyncClient, things: Things) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    await client.get("/things/a", headers={"traceparent": parent, "X-Request-Id": "r-1"})

    assert things.seen["traceparent"] == parent
    assert things.seen["request_id"] == "r-1"


async def test_a_request_id_that_could_harm_a_log_is_replaced(client: httpx.AsyncClient) -> None:
    answered = await client.get("/things/a", headers={"X-Request-Id": "a b\tc"})

    assert answered.headers["x-request-id"] != "a b\tc"


async def test_every_service_tells_how_it_is(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json()["checks"] == {"shelf": True}
    assert (await client.get("/version")).json()["service"] == "things"
    assert 'operation="health"' in (await client.get("/metrics")).text


async def test_a_check_that_fails_or_breaks_is_named(contract: Path, things: Things) -> None:
    # given
    def breaks() -> bool:
        raise ConnectionError("secret.example")

    checks = {"fine": lambda: True, "fails": lambda: False, "breaks": breaks}
    handlers = {"read_thing": things.read_thing, "write_thing": things.write_thing}
    app = create_app(contract, handlers, service="things", checks=checks)

    # when
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://things") as client:
        answered = await client.get("/ready")

    # then
    assert answered.status_code == 503
    assert answered.json()["checks"] == {"fine": True, "fails": False, "breaks": False}
    assert "secret.example" not in answered.text


def test_an_operation_without_a_handler_is_an_error_at_once(contract: Path) -> None:
    with pytest.raises(HandlerMissing, match="read_thing"):
        create_app(contract, {}, service="things")
