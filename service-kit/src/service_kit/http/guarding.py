"""Where a guard stands in Connexion's stack: after routing, before anything of the request is read."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service_kit.http.identity import Guard, set_caller


class Guarding:
    """ASGI middleware that asks the guard about every operation."""

    def __init__(self, app: ASGIApp, *, guard: Guard | None) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and self._guard is not None:
            operation = scope.get("extensions", {}).get("connexion_routing", {}).get("operation_id")
            if operation is not None:
                headers = dict(Headers(scope=scope))
                client = scope["client"][0] if scope.get("client") else "unknown"
                set_caller(await self._guard(operation, headers, client))
        await self._app(scope, receive, send)
