"""The services behind the gateway, over the network or in this process."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import structlog
from starlette.types import ASGIApp

from service_kit.http import InternalAuth, Unavailable
from service_kit.http.problems import MEDIA_TYPE, Relayed

log = structlog.get_logger("gateway")

PATIENCE = 10.0
TIMEOUT = httpx.Timeout(None, connect=3.0, pool=3.0)  # the whole request has its time, not its parts
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
LIMITS = httpx.Limits(max_connections=500, max_keepalive_connections=100)
_OURS = frozenset({"type", "title", "status", "detail", "code", "request_id", "retryAfter"})


class Downstream:
    """One service. `app` is its ASGI app where it lives in this process."""

    def __init__(self, name: str, url: str, token: str, app: ASGIApp | None = None) -> None:
        self.name = name
        transport = httpx.ASGITransport(app) if app is not None else None
        self._client = httpx.AsyncClient(
            base_url=url, auth=InternalAuth(token), timeout=TIMEOUT, limits=LIMITS, transport=transport, trust_env=False
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
        acts: bool = False,
    ) -> httpx.Response:
        """Its answer below 400. `patience`: seconds longer than usual to wait. `acts`: this may change another system,
        so that an answer that is lost leaves open whether it did.

        Raises `Unavailable` where it is away or out of order (504 where it `acts` and may have), and `Relayed` with
        its own refusal.
        """
        sent = dict(headers or {})
        if json is not None:
            content = msgspec.json.encode(json)
            sent["Content-Type"] = "application/json"
        given = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            # In this process there is no socket whose timeouts would end a request that hangs.
            async with asyncio.timeout(PATIENCE + patience):
                answer = await self._client.request(method, path, params=given, content=content, headers=sent)
        except NEVER_SENT as error:
            raise self._away(error) from error
        except (httpx.TransportError, TimeoutError) as error:
            raise (self._unknown() if acts else self._away(error)) from error
        if answer.status_code >= 400:
            raise self._refusal(answer, acts)
        return answer

    async def ready(self) -> bool:
        """Whether it says that it can take work."""
        try:
            return (await self._client.get("/ready")).status_code == 200
        except httpx.TransportError:
            return False

    def _away(self, error: Exception) -> Unavailable:
        log.warning("downstream away", downstream=self.name, error=repr(error))
        return Unavailable(f"The {self.name} is away. Repeat the request, with its Idempotency-Key.")

    def _unknown(self) -> Relayed:
        log.warning("downstream did not answer", downstream=self.name)
        told = f"The {self.name} did not answer: nobody knows whether it happened. Repeat it with its Idempotency-Key."
        return Relayed(504, told, code="UNKNOWN")

    def _refusal(self, answer: httpx.Response, acts: bool) -> Exception:
        status = answer.status_code
        told = _problem(answer)
        wait = answer.headers.get("Retry-After", "")
        retry_after = float(wait) if wait.isdecimal() else None
        if status in (401, 403) or (status >= 500 and status not in (503, 504)):
            log.error("downstream out of order", downstream=self.name, status=status, answer=answer.text[:500])
            if acts and status >= 500:
                return self._unknown()
            return Unavailable(f"The {self.name} is out of order.", retry_after=retry_after)
        return Relayed(
            status,
            str(told.get("detail") or told.get("title") or answer.reason_phrase),
            code=told.get("code"),
            retry_after=retry_after,
            more={name: value for name, value in told.items() if name not in _OURS},
        )


def _problem(answer: httpx.Response) -> dict[str, Any]:
    if not answer.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return {}
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
