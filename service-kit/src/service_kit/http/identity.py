"""Who is calling, and how services prove to each other that they may tell.

The gateway finds out who calls (`gateway.guard`); behind it, a service believes `X-Throughline-Actor` and
`X-Throughline-Roles` of a request that carries the internal token, and of no other.
"""

import hmac
from collections.abc import AsyncGenerator, Generator, Mapping
from contextvars import ContextVar
from typing import Protocol
from urllib.parse import quote, unquote

import httpx
import msgspec

from service_kit.errors import KitError
from service_kit.http.problems import Unauthenticated
from service_kit.http.trace import request_id
from service_kit.tracing import inject_http

ACTOR = "X-Throughline-Actor"
ROLES = "X-Throughline-Roles"
OPEN_TO_ALL = frozenset({"health", "ready", "version", "metrics"})


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a name for the audit trail, and roles."""

    actor: str
    roles: frozenset[str] = frozenset()


NOBODY = Caller("anonymous")
_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def current_caller() -> Caller:
    """Who calls the operation that is being handled."""
    return _caller.get()


def set_caller(caller: Caller) -> None:
    """From here on, in this request, `caller` calls."""
    _caller.set(caller)


class Guard(Protocol):
    """Decides who calls and whether they may."""

    async def __call__(self, operation: str, headers: Mapping[str, str], client: str) -> Caller:
        """The caller of `operation` (its id). `headers` have lower-case names; `client` is the peer's address.
        Raises `Unauthenticated`, `Forbidden` or `TooManyRequests`."""


class TokenMissing(KitError):
    """INTERNAL_TOKEN is empty: services could not tell each other from strangers."""


class InternalGuard:
    """Lets in whoever has the internal token, as the person or system that they name."""

    def __init__(self, token: str) -> None:
        if not token:
            raise TokenMissing
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, operation: str, headers: Mapping[str, str], client: str) -> Caller:
        """See `Guard`."""
        if operation in OPEN_TO_ALL:
            return NOBODY
        if not hmac.compare_digest(headers.get("authorization", "").encode(), self._expected):
            raise Unauthenticated("This is an internal door: the internal token is missing or wrong.")
        roles = (unquote(role.strip()) for role in headers.get(ROLES.lower(), "").split(","))
        return Caller(unquote(headers.get(ACTOR.lower(), "internal")), frozenset(role for role in roles if role))


class InternalAuth(httpx.Auth):
    """Puts the internal token, the caller, the request id and the trace context on every outgoing request."""

    def __init__(self, token: str) -> None:
        if not token:
            raise TokenMissing
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx's hook, for synchronous clients."""
        request.headers.update(internal_headers(self._token))
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx's hook, for asynchronous clients."""
        request.headers.update(internal_headers(self._token))
        yield request


def internal_headers(token: str) -> dict[str, str]:
    """What a request to another service of ours carries."""
    caller = current_caller()
    headers = {"Authorization": f"Bearer {token}", ACTOR: quote(caller.actor)}
    headers[ROLES] = ",".join(sorted(quote(role) for role in caller.roles))
    if current := request_id():
        headers["X-Request-Id"] = current
    inject_http(headers)
    return headers
