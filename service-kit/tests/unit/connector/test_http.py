"""Transport faults, told apart by what they prove."""

import ssl
from collections.abc import Iterator

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError
from urllib3.exceptions import SSLError as UrllibSslError

from service_kit.connector.http import SystemSession, Token, Tokens, read_json
from service_kit.connector.outcomes import NotApplied, Uncertain
from service_kit.connector.sending import sending
from service_kit.connector.systems import System

SYSTEM = System(name="erp", connector="erp", adapter="a", address="http://erp.test/base")


@pytest.fixture
def system() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectTimeout(),
        requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused"))),  # type: ignore[arg-type]
        requests.ConnectionError(MaxRetryError(None, "/", NameResolutionError("erp.test", None, OSError()))),  # type: ignore[arg-type]
        requests.exceptions.SSLError(MaxRetryError(None, "/", UrllibSslError(ssl.SSLCertVerificationError("no")))),  # type: ignore[arg-type]
    ],
)
def test_what_never_reached_the_system_is_not_applied(system: responses.RequestsMock, error: Exception) -> None:
    system.post("http://erp.test/base/orders", body=error)

    with pytest.raises(NotApplied):
        SystemSession(SYSTEM).request("POST", "/orders", timeout=1)


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout(),
        requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError())),
        requests.exceptions.ChunkedEncodingError(),
    ],
)
def test_what_broke_after_sending_is_uncertain(system: responses.RequestsMock, error: Exception) -> None:
    system.post("http://erp.test/base/orders", body=error)

    with pytest.raises(Uncertain):
        SystemSession(SYSTEM).request("POST", "/orders", timeout=1)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302])
def test_a_server_error_is_uncertain(system: responses.RequestsMock, status: int) -> None:
    system.post("http://erp.test/base/orders", status=status)

    with pytest.raises(Uncertain, match=str(status)):
        SystemSession(SYSTEM).request("POST", "/orders", timeout=1)


def test_429_is_not_applied_and_says_when_to_come_back(system: responses.RequestsMock) -> None:
    system.post("http://erp.test/base/orders", status=429, headers={"Retry-After": "7"})

    with pytest.raises(NotApplied) as error:
        SystemSession(SYSTEM).request("POST", "/orders", timeout=1)

    assert error.value.retry_after == 7


def test_503_is_not_applied_only_where_the_adapter_declares_it(system: responses.RequestsMock) -> None:
    system.post("http://erp.test/base/orders", status=503)

    with pytest.raises(NotApplied):
        SystemSession(SYSTEM, unavailable=frozenset({503})).request("POST", "/orders", timeout=1)


def test_a_refusal_is_the_adapters_business(system: responses.RequestsMock) -> None:
    system.post("http://erp.test/base/orders", status=409, json={"error": "exists"})

    response = SystemSession(SYSTEM).request("POST", "/orders", timeout=1)

    assert (response.status_code, read_json(response)) == (409, {"error": "exists"})


def test_an_unreadable_success_is_uncertain(system: responses.RequestsMock) -> None:
    system.post("http://erp.test/base/orders", body="<html>")

    with pytest.raises(Uncertain, match="unreadable"):
        read_json(SystemSession(SYSTEM).request("POST", "/orders", timeout=1))


@pytest.mark.parametrize(
    "path", ["http://evil.test/x", "//evil.test/x", "https://erp.test/base/x", "http://erp.test:81/"]
)
def test_requests_go_to_the_configured_system_only(system: responses.RequestsMock, path: str) -> None:
    with pytest.raises(NotApplied, match="outside"):
        SystemSession(SYSTEM).request("GET", path, timeout=1)

    assert len(system.calls) == 0


def test_a_refused_token_is_renewed_once_and_the_request_sent_again(system: responses.RequestsMock) -> None:
    # given
    fetched: list[Token] = []

    def fetch() -> Token:
        fetched.append(Token({"Authorization": f"Bearer {len(fetched)}"}))
        return fetched[-1]

    system.get("http://erp.test/base/x", status=401)
    system.get("http://erp.test/base/x", json={"ok": True})

    # when
    response = SystemSession(SYSTEM, tokens=Tokens(fetch)).request("GET", "/x", timeout=1)

    # then
    assert response.status_code == 200
    assert [call.request.headers["Authorization"] for call in system.calls] == ["Bearer 0", "Bearer 1"]


def test_a_token_is_fetched_again_when_its_time_is_over() -> None:
    # given
    now = [0.0]
    count = iter(range(9))
    tokens = Tokens(lambda: Token({"n": str(next(count))}, lasts=100), clock=lambda: now[0])

    # when
    seen = []
    for now[0] in (0.0, 80.0, 95.0):
        seen.append(tokens.get().headers["n"])

    # then
    assert seen == ["0", "0", "1"]


def test_a_worker_without_its_lease_sends_nothing(system: responses.RequestsMock) -> None:
    system.get("http://erp.test/base/x")
    session, allowed = SystemSession(SYSTEM), [True]

    with sending(lambda: allowed[0]):
        session.request("GET", "/x", timeout=1)
        allowed[0] = False
        with pytest.raises(Uncertain):
            session.request("GET", "/x", timeout=1)
    with sending(lambda: False), pytest.raises(NotApplied):
        session.request("GET", "/x", timeout=1)
    assert len(system.calls) == 1


def test_secrets_are_in_no_repr() -> None:
    system = System(name="erp", connector="erp", adapter="a", credentials={"password": "hunter2"})

    assert "hunter2" not in repr(system) + repr(Token({"Authorization": "hunter2"}))
