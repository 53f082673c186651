"""The outermost layer: one request in, whatever happens one answer out.

Request id and trace context, the body read up to its limit, the access log line, the counters, and the last resort
for errors that nothing below answered.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service_kit.http import problems, trace
from service_kit.http.metrics import RequestMetrics

log = structlog.get_logger("http")


class Edge:
    """ASGI middleware around a whole app. `limit` is the largest body in bytes."""

    def __init__(
        self, app: ASGIApp, *, own: Mapping[type[Exception], int], limit: int, metrics: RequestMetrics
    ) -> None:
        self._app = app
        self._own = own
        self._limit = limit
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A task has a context of its own: when one app calls another in this process, the called one's context
        # variables (Connexion keeps its request in some) do not replace the caller's.
        await asyncio.create_task(self._request(scope, receive, send))

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        with (
            trace.entered(Headers(scope=scope), f"{scope['method']} {scope['path']}") as request_id,
            structlog.contextvars.bound_contextvars(request_id=request_id),
        ):
            # Connexion's layers copy the scope; what they find out about the operation is put in here.
            found: dict[str, Any] = {}
            scope.setdefault("extensions", {})["connexion_routing"] = found
            answered = _Answer(send, request_id)
            await self._answer(scope, receive, answered, request_id)
            self._tell(scope, str(found.get("operation_id") or "none"), answered.status, time.perf_counter() - started)

    def _tell(self, scope: Scope, operation: str, status: int, seconds: float) -> None:
        self._metrics.count(operation, scope["method"], status, seconds)
        told = {"operation": operation, "method": scope["method"], "path": scope["path"], "status": status}
        log.info("answered", **told, ms=round(seconds * 1000, 1))

    async def _answer(self, scope: Scope, receive: Receive, send: "_Answer", request_id: str) -> None:
        try:
            body = await read_body(Headers(scope=scope), receive, self._limit)
            await self._app(_with_length(scope, len(body)), _replay(body, receive), send)
        except Exception as error:
            if problems.status_of(error, self._own) >= 500:
                log.exception("failed", path=scope["path"])
            if send.status:
                raise
            await problems.to_response(error, self._own, request_id)(scope, receive, send)


class _Answer:
    """`send`, remembering the status and adding the request's id."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self._request_id
            MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
        await self._send(message)


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises `TooLarge` as soon as that is known."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise problems.TooLarge(f"The body may have {limit} bytes.")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise problems.TooLarge(f"The body may have {limit} bytes.")
        if not message.get("more_body", False):
            return b"".join(parts)


def _with_length(scope: Scope, length: int) -> Scope:
    # Connexion takes a body without Content-Length (chunked) for none at all.
    kept = [(name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")]
    return {**scope, "headers": [*kept, (b"content-length", str(length).encode())]}


def _replay(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        message = next(messages, None)
        return await receive() if message is None else message

    return replay
