import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from service_kit.http.server import EmbeddedServer


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("here")(scope, receive, send)


def test_an_app_is_served_from_this_process_until_it_is_stopped() -> None:
    # given
    server = EmbeddedServer(app)

    # when
    with server:
        during = httpx.get(server.url).text

    # then
    assert during == "here"
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    with EmbeddedServer(app) as server, pytest.raises(OSError, match="in use"):
        EmbeddedServer(app, port=int(server.url.rpartition(":")[2]))
