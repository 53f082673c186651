"""The operations by REST, through the same inbox."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from service_kit.connector.door import Door
from service_kit.connector.inbox import Exchanged, Finished, Inbox, Starting
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.process import Settings, create_app
from service_kit.http.contracts import contracts_folder
from service_kit.http.server import EmbeddedServer
from service_kit.messages import Completed, Rejected, Unknown
from service_kit.testing.waiting import until

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
SPEC = f"""
openapi: 3.0.3
info: {{title: Books, version: "1"}}
paths:
  /results: {{$ref: {contracts_folder() / "results.yaml"}}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "openapi" / "connectors").mkdir(parents=True)
    operations = "".join(OPERATION.replace("NAME", name) for name in ("post", "stamp", "order", "cancel", "read"))
    (tmp_path / "openapi" / "connectors" / "books.yaml").write_text(SPEC + operations)
    return Settings(database_url="", broker_url="", openapi_dir=tmp_path / "openapi")


@pytest.fixture
def client(hub: Any, settings: Settings) -> Iterator[httpx.Client]:
    with EmbeddedServer(create_app(settings, hub.connector())) as server, httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
def two_processes(hub: Any, settings: Settings) -> Iterator[list[httpx.Client]]:
    with ExitStack() as stack:
        servers = [EmbeddedServer(create_app(settings, hub.connector(alone=False))) for _ in range(2)]
        urls = [stack.enter_context(server).url for server in servers]
        yield [stack.enter_context(httpx.Client(base_url=url)) for url in urls]


class LosesOneOutcome(Inbox):
    """The store is away when the first outcome is to be recorded."""

    _away = True

    def exchange(self, finished: Sequence[Finished], starting: Sequence[Starting]) -> Exchanged:
        if self._away:
            self._away = False
            raise OperationalError("UPDATE", {}, Exception("the store is away"))
        return super().exchange(finished, starting)


class Company:
    """Waits for a second call to be carried out at the same time, for a moment."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)

    def __call__(self, call: Any) -> None:
        try:
            self._barrier.wait(0.5)
        except threading.BrokenBarrierError:
            return


def post(client: httpx.Client, key: str, qty: int = 1, operation: str = "post") -> httpx.Response:
    return client.post(f"/operations/{operation}", json={"qty": qty}, headers={"Idempotency-Key": key})


def test_an_operation_is_carried_out_once_for_each_key(client: httpx.Client, hub: Any) -> None:
    # when
    answers = [
        client.post("/operations/post", json={"qty": 1}, headers={"Idempotency-Key": key}) for key in ("a", "a", "b")
    ]

    # then
    assert [answer.json() for answer in answers] == [{"number": "1"}, {"number": "1"}, {"number": "2"}]


@pytest.mark.parametrize("operation", ["post", "stamp"])
def test_eight_calls_with_one_key_at_once_have_one_effect(client: httpx.Client, hub: Any, operation: str) -> None:
    # given
    hub.books.before = Company()

    # when
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(client, "a", operation=operation), range(8)))

    # then
    assert len(hub.books.posted) == 1
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"number": "1"})] * 8


def test_calls_with_one_key_at_two_processes_have_one_effect(two_processes: list[httpx.Client], hub: Any) -> None:
    # given
    hub.books.before = Company()

    # when
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda client: post(client, "a"), two_processes * 4))

    # then
    assert len(hub.books.posted) == 1
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"number": "1"})] * 8


def test_a_call_that_was_certainly_not_applied_can_be_made_again_with_its_key(client: httpx.Client, hub: Any) -> None:
    # given
    hub.books.before = failing(NotApplied("no connection"))
    away = post(client, "a")
    hub.books.before = lambda call: None

    # when
    back = post(client, "a")

    # then
    assert (away.status_code, back.status_code) == (503, 200)
    assert len(hub.books.posted) == 1


def test_a_call_that_was_wrong_can_be_put_right_with_its_key(client: httpx.Client) -> None:
    wrong = post(client, "a", qty=0)
    right = post(client, "a")

    assert (wrong.status_code, right.status_code) == (400, 200)


@pytest.mark.parametrize("error", [Refused("CREDIT_BLOCKED", "no credit"), Uncertain("timeout")])
def test_any_other_failure_is_the_answer_to_its_key(client: httpx.Client, hub: Any, error: Exception) -> None:
    # given
    hub.books.before = failing(error)
    first = post(client, "a")
    hub.books.before = lambda call: None

    # when
    again = post(client, "a")

    # then
    assert (again.status_code, again.json()["detail"]) == (first.status_code, first.json()["detail"])
    assert hub.books.posted == []


def test_a_key_that_comes_with_another_body_is_refused(client: httpx.Client, hub: Any, gate: Any) -> None:
    # given
    hub.books.before = gate

    # when
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(post, client, "a")
        assert gate.reached.wait(10)
        meanwhile = post(client, "a", qty=2)
        gate.open()
        assert first.result().status_code == 200
    later = post(client, "a", qty=2)

    # then
    for refused in (meanwhile, later):
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(hub.books.posted) == 1


@pytest.mark.parametrize(("operation", "again"), [("post", Completed), ("stamp", Unknown), ("cancel", Completed)])
def test_a_call_whose_outcome_could_not_be_recorded_is_not_taken_for_one_that_was_never_sent(
    hub: Any, operation: str, again: type
) -> None:
    # given
    connector = hub.connector()
    inbox = LosesOneOutcome(hub.engine, "books:door")
    door = Door("books", connector.operations, inbox)
    call = partial(door.call, connector.operations.catalogue[f"books.{operation}"], "books", {"qty": 1}, "a")
    with pytest.raises(OperationalError):
        call()

    # when / then
    assert isinstance(call(), again)
    assert len(hub.books.posted) == (operation != "cancel")


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
    hub.books.before = failing(error)

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


def failing(error: Exception) -> Any:
    def fail(call: Any) -> None:
        raise error

    return fail


def test_a_callback_tells_the_result_of_what_was_accepted(hub: Any, client: httpx.Client) -> None:
    # given
    command = hub.command("books.order")
    accepted = hub.ask(command)
    result = {"system": "books", "reference": accepted.reference, "outcome": "completed", "output": {"number": "1"}}

    # when
    answers = [client.post("/results", json=result) for _ in range(2)]

    # then
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"result": "recorded"}),
        (200, {"result": "same"}),
    ]
    assert hub.told() == {f"{command.id}:late": Completed(output={"number": "1"})}


def test_a_callback_that_comes_early_is_kept_and_one_that_contradicts_is_refused(
    hub: Any, client: httpx.Client
) -> None:
    # given
    command = hub.command("books.order")
    result = {"hubKey": command.hub_key, "outcome": "rejected", "code": "CREDIT_BLOCKED", "message": "no"}

    # when
    early = client.post("/results", json=result)
    hub.ask(command)
    told = hub.told()
    other = client.post("/results", json={**result, "code": "ANOTHER"})

    # then
    assert (early.status_code, early.json()) == (202, {"result": "early"})
    assert told == {f"{command.id}:late": Rejected(code="CREDIT_BLOCKED", message="no")}
    assert (other.status_code, other.json()["code"]) == (409, "RESULT_DIFFERS")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "completed"}, "reference"),
        ({"outcome": "rejected", "reference": "1"}, "code"),
        ({"outcome": "maybe", "reference": "1"}, "outcome"),
        ({"outcome": "completed", "reference": "1", "colour": "red"}, "colour"),
    ],
)
def test_a_callback_that_says_too_little_is_told_what_is_missing(
    client: httpx.Client, body: dict[str, Any], field: str
) -> None:
    answer = client.post("/results", json=body)

    assert answer.status_code == 400
    assert field in answer.text


def test_a_call_that_was_accepted_is_answered_by_its_result_once_there_is_one(hub: Any, client: httpx.Client) -> None:
    # given
    call = partial(client.post, "/operations/order", json={"qty": 1}, headers={"Idempotency-Key": "a"})
    accepted = call()
    again = call()

    # when
    client.post("/results", json={**accepted.json(), "outcome": "completed", "output": {"number": "1"}})

    # then
    assert (accepted.status_code, again.status_code) == (202, 202)
    assert (call().status_code, call().json()) == (200, {"number": "1"})
    assert len(hub.books.posted) == 1


def test_a_call_during_maintenance_is_told_when_to_come_back(hub: Any, client: httpx.Client) -> None:
    # given
    hub.close_books(hours=1)
    call = partial(client.post, "/operations/post", json={"qty": 1}, headers={"Idempotency-Key": "a"})
    until(lambda: client.post("/operations/read", json={}).status_code == 503)

    # when
    closed = call()
    hub.configure()

    # then
    assert closed.status_code == 503
    assert 3500 < int(closed.headers["Retry-After"]) <= 3600
    assert until(lambda: call().status_code == 200)
    assert len(hub.books.posted) == 1
