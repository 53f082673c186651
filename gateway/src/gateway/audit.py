"""The audit trail: who did what, to what, why, and how it was answered."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from gateway.store import Act, Store
from service_kit.http import current_caller
from service_kit.http.problems import status_of
from service_kit.http.trace import request_id

Handler = Callable[..., Awaitable[Response]]

log = structlog.get_logger("audit")


def audited(operation: str, handler: Handler, store: Store, problems: Mapping[type[Exception], int]) -> Handler:
    """`handler`, leaving a line in log and table for every call, refused or not."""

    @wraps(handler)
    async def wrapper(**parameters: Any) -> Response:
        try:
            response = await handler(**parameters)
        except Exception as error:
            await _record(store, operation, parameters, status_of(error, problems))
            raise
        await _record(store, operation, parameters, response.status_code)
        return response

    return wrapper


async def _record(store: Store, operation: str, parameters: Mapping[str, Any], status: int) -> None:
    body = parameters.get("body")
    reason = body.get("reason") if isinstance(body, dict) else None
    act = Act(current_caller().actor, operation, _target(parameters), reason, status, request_id())
    log.info("act", **msgspec.structs.asdict(act))
    try:
        await run_in_threadpool(store.add_audit, act)
    except SQLAlchemyError:
        # It is done already and cannot be taken back; the log line above is its trace.
        log.exception("audit entry not stored", operation=operation)


def _target(parameters: Mapping[str, Any]) -> str | None:
    parts = [
        str(parameters[name])
        for name in ("id", "step", "element", "process", "system", "connector", "operation")
        if parameters.get(name)
    ]
    return "/".join(parts) or None
