"""What every service answers about itself: alive, ready, which version, how much."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service_kit.http.answers import answer
from service_kit.http.problems import Unavailable

Check = Callable[[], bool | Awaitable[bool]]
Handler = Callable[..., Any]
CHECK_SECONDS = 3.0

log = structlog.get_logger("http")

_PROBLEM = {"description": "A check failed.", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
_JSON = {"application/json": {"schema": {"type": "object"}}}


def _path(operation: str, summary: str, content: Mapping[str, Any], *, may_fail: bool = False) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": summary, "content": content}}
    if may_fail:
        responses["503"] = _PROBLEM
    return {"get": {"operationId": operation, "summary": summary, "security": [], "responses": responses}}


PATHS = {
    "/health": _path("health", "The process is alive", _JSON),
    "/ready": _path("ready", "It can take work now", _JSON, may_fail=True),
    "/version": _path("version", "What runs here", _JSON),
    "/metrics": _path("metrics", "Prometheus metrics", {"text/plain": {"schema": {"type": "string"}}}),
}


def operational_handlers(
    service: str, version: str, checks: Mapping[str, Check], registry: CollectorRegistry
) -> dict[str, Handler]:
    """The handlers of `/health`, `/ready`, `/version` and `/metrics` by operation id."""

    async def health() -> Response:
        return answer({"status": "ok"})

    async def ready() -> Response:
        results = dict(zip(checks, await asyncio.gather(*map(_passes, checks.values())), strict=True))
        if failed := [name for name, passed in results.items() if not passed]:
            raise Unavailable(f"Not ready: {', '.join(failed)}.", more={"checks": results})
        return answer({"status": "ok", "checks": results})

    async def tell_version() -> Response:
        return answer({"service": service, "version": version})

    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return {"health": health, "ready": ready, "version": tell_version, "metrics": metrics}


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            result = check() if inspect.iscoroutinefunction(check) else await run_in_threadpool(check)
            return bool(await result if inspect.isawaitable(result) else result)
    except Exception as error:
        log.warning("check failed", error=repr(error))
        return False
