"""API keys and the audit trail."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from gateway import keys
from gateway.guard import ApiKeyGuard
from gateway.store import Store
from service_kit.http import answer, current_caller
from service_kit.http.problems import field_problem


class Administration:
    """Handlers by operationId."""

    def __init__(self, store: Store, guard: ApiKeyGuard) -> None:
        self._store = store
        self._guard = guard

    async def list_keys(self) -> Response:
        """Newest first, never the secrets."""
        return answer({"items": await run_in_threadpool(self._store.list_keys)})

    async def create_key(self, body: dict[str, Any]) -> Response:
        """A key, shown this once."""
        expires_at = _time("expires_at", body["expires_at"]) if "expires_at" in body else None
        actor = current_caller().actor
        key, text = await run_in_threadpool(self._store.create_key, body["name"], body["roles"], actor, expires_at)
        return answer({**msgspec.structs.asdict(key), "key": text}, 201)

    async def revoke_key(self, id: str) -> Response:  # noqa: A002 - the contract's name
        """From now on it opens nothing here."""
        await run_in_threadpool(self._store.revoke_key, id)
        self._guard.forget(id)
        return answer(status=204)

    async def list_audit(self, limit: int, before: int | None = None) -> Response:
        """Newest first."""
        return answer({"items": await run_in_threadpool(self._store.list_audit, before, limit)})


def _time(field: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise field_problem(field, "is not a time that can be kept") from error
    if time <= keys.now():
        raise field_problem(field, "is over already")
    return time
