"""Who comes in: API keys, roles and rates, for every operation of the contract."""

import time
from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool

from gateway import keys
from gateway.keys import ApiKey
from gateway.rates import RateLimit
from gateway.roles import ALLOWED, PUBLIC, may
from gateway.store import Store
from service_kit.http import Caller, Forbidden, TooManyRequests, Unauthenticated
from service_kit.http.identity import NOBODY

REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 10_000


class ApiKeyGuard:
    """Lets in whoever has a valid key with the right role, as `key:NAME`, not more often than the limit.

    `strangers` limits requests without a valid key, by address.

    A key that was found is remembered for a few seconds, so that the database is not asked for every request.
    """

    def __init__(
        self, store: Store, limit: RateLimit, strangers: RateLimit, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._limit = limit
        self._strangers = strangers
        self._clock = clock
        self._remembered: dict[str, tuple[float, ApiKey, str]] = {}

    def forget(self, id_: str) -> None:
        """Look this key up again (it was revoked)."""
        self._remembered.pop(id_, None)

    async def __call__(self, operation: str, headers: Mapping[str, str], client: str) -> Caller:
        """See `service_kit.http.identity.Guard`."""
        if ALLOWED.get(operation) == PUBLIC:
            return NOBODY
        key = await self._key(headers.get("authorization", ""), client)
        caller = Caller(f"key:{key.name}", frozenset(key.roles))
        if wait := self._limit.take(key.id):
            raise TooManyRequests(f"{key.name} asks too often.", retry_after=wait)
        if not may(caller.roles, operation):
            allowed = ", ".join(sorted(ALLOWED.get(operation, PUBLIC)))
            raise Forbidden(f"This needs one of the roles {allowed}.")
        return caller

    async def _key(self, authorization: str, client: str) -> ApiKey:
        scheme, _, text = authorization.partition(" ")
        parts = keys.split(text.strip()) if scheme.lower() == "bearer" else None
        found = await self._find(parts[0], client) if parts else None
        if parts is None or found is None or not keys.matches(parts[1], found[1]) or not found[0].valid(keys.now()):
            self._stranger(client)
            raise Unauthenticated("Send a valid API key as `Authorization: Bearer tl_...`.")
        return found[0]

    async def _find(self, id_: str, client: str) -> tuple[ApiKey, str] | None:
        remembered = self._remembered.get(id_)
        if remembered and self._clock() < remembered[0]:
            return remembered[1:]
        found = await run_in_threadpool(self._store.find_key, id_)
        if found is None:
            return None
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[id_] = (self._clock() + REMEMBERED_SECONDS, *found)
        return found

    def _stranger(self, client: str) -> None:
        if wait := self._strangers.take(client):
            raise TooManyRequests("Too many requests without a valid key.", retry_after=wait)
