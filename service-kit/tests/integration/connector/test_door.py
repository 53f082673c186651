"""The operations by REST, through the same inbox."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.process import Settings, create_app
from service_kit.http.server import EmbeddedServer

OPERATION = """
  /operations/NAME:
    post:
      operationId: books.NAME
      parameters:
        - {name: X-System, in: header, schema: {type: string}}
        - {name: Idempotency-Key, in: header, schema: {type: string}}
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        "200": {description: Applied., content: {application/json: {schema: {type: object}}}}
        default: {description: Not., content: {application/problem+json: {schema: {type: object}}}}
"""
SPEC = """
openapi: 3.0.3
info: {title: Books, version: "1"}
paths:"""


@pytest.fixture
def client(hub: Any, tmp_path: Path) -> Iterator[httpx.Client]:
    (tmp_path / "openapi" / "connectors").mkdir(parents=True)
    (tmp_path / "openapi" / "connectors" / "books.yaml").write_text(SPEC + OPERATION.replace("NAME", "post"))
    connector = hub.connector()
    settings = Settings(database_url="", broker_url="", openapi_dir=tmp_path / "openapi")
    with EmbeddedServer(create_app(settings, connector)) as server, httpx.Client(base_url=server.url) as client:
        yield client


def test_an_operation_is_carried_out_once_for_each_key(client: httpx.Client, hub: Any) -> None:
    # when
    answers = [
        client.post("/operations/post", json={"qty": 1}, headers={"Idempotency-Key": key}) for key in ("a", "a", "b")
    ]

    # then
    assert [answer.json() for answer in answers] == [{"number": "1"}, {"number": "1"}, {"number": "2"}]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("CREDIT_BLOCKED", "no credit"), 409, "CREDIT_BLOCKED"),
        (NotApplied("no connection", 3), 503, None),
        (Uncertain("timeout"), 504, None),
    ],
)
def test_outcomes_become_problems(client: httpx.Client, hub: Any, error: Exception, status: int, code: str) -> None:
    # given
    def fail(call: Any) -> None:
        raise error

    hub.books.before = fail

    # when
    answer = client.post("/operations/post", json={"qty": 1})

    # then
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_input_or_system_is_named(client: httpx.Client) -> None:
    wrong = client.post("/operations/post", json={"qty": 0})
    nowhere = client.post("/operations/post", json={"qty": 1}, headers={"X-System": "nowhere"})

    assert (wrong.status_code, wrong.json()["code"]) == (400, "INVALID_INPUT")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "UNKNOWN_SYSTEM")


def test_it_tells_that_it_is_ready(client: httpx.Client) -> None:
    assert client.get("/ready").status_code == 200
