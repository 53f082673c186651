"""What the monitor asks the coordinator: over the network, or its app in this process."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
from starlette.types import ASGIApp

from monitor_service.entries import Entry, Forgotten
from monitor_service.errors import CoordinatorAway, InstanceNotFound
from service_kit.http import InternalAuth

LOCAL = "http://local"
PAGE = 500
DIGEST_PAGE = 2_000


class _Digest(msgspec.Struct):
    instance: str
    seq: int


class _Digests(msgspec.Struct):
    items: list[_Digest]


class _Journal(msgspec.Struct):
    items: list[Entry]


class _Forgotten(msgspec.Struct):
    items: list[Forgotten]


_forgotten = msgspec.json.Decoder(_Forgotten)
_digests = msgspec.json.Decoder(_Digests)
_journal = msgspec.json.Decoder(_Journal)


class Coordinator:
    """Blocking; thread-safe. Every method raises `CoordinatorAway` where there is no good answer now."""

    def __init__(self, url: str, token: str, app: ASGIApp | None = None) -> None:
        self._client = httpx.Client(
            base_url=url or LOCAL,
            auth=InternalAuth(token),
            timeout=httpx.Timeout(30.0, connect=3.0),
            transport=_InProcess(app) if app is not None else None,
            trust_env=False,
        )

    def journal(self, instance: str, seq: int) -> Iterator[list[Entry]]:
        """The entries of an instance from `seq` on, page by page. Raises `InstanceNotFound`."""
        while True:
            content = self._get(f"/instances/{instance}/journal", {"from": seq, "limit": PAGE})
            page = _decode(_journal, content).items
            if page:
                yield page
            if len(page) < PAGE:
                return
            seq = page[-1].seq + 1

    def digests(self, since: int) -> Iterator[dict[str, int]]:
        """The last seq of every instance that was open at `since` (ms) or later, page by page."""
        after = ""
        while True:
            content = self._get("/digests", {"since": since, "after": after, "limit": DIGEST_PAGE})
            page = _decode(_digests, content).items
            if page:
                yield {item.instance: item.seq for item in page}
            if len(page) < DIGEST_PAGE:
                return
            after = page[-1].instance

    def forgotten(self, since: int) -> Iterator[list[Forgotten]]:
        """What was to be forgotten at `since` (ms) or later, page by page."""
        after = ""
        while True:
            content = self._get("/forgotten", {"since": since, "after": after, "limit": DIGEST_PAGE})
            page = _decode(_forgotten, content).items
            if page:
                yield page
            if len(page) < DIGEST_PAGE:
                return
            after = page[-1].instance

    def diagram(self, process: str, version: int) -> bytes:
        """The BPMN file of a process version. Raises `InstanceNotFound` where there is none."""
        return self._get(f"/processes/{process}/versions/{version}/xml", {})

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def _get(self, path: str, params: dict[str, Any]) -> bytes:
        try:
            answer = self._client.get(path, params=params)
        except httpx.HTTPError as error:
            raise CoordinatorAway(f"The coordinator cannot be asked: {error!r}") from error
        if answer.status_code == 404:
            raise InstanceNotFound
        if answer.status_code != 200:
            raise CoordinatorAway(f"The coordinator answers {path} with {answer.status_code}.")
        return answer.content


def _decode(decoder: Any, content: bytes) -> Any:
    try:
        return decoder.decode(content)
    except msgspec.DecodeError as error:
        raise CoordinatorAway(f"The coordinator's answer cannot be read: {error}") from error


class _InProcess(httpx.BaseTransport):
    """Asks an ASGI app from a thread that has no event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """httpx's hook."""
        return asyncio.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
