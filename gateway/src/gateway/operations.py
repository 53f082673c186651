"""Calling a connector's operation through its REST door, and results that systems call back with."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.downstream import Downstream
from gateway.relaying import relayed
from service_kit.http import NotFound, current_caller, header
from service_kit.ids import derived_id

PATIENCE = 60.0


class Operations:
    """Handlers by operationId."""

    def __init__(self, connectors: Mapping[str, Downstream]) -> None:
        self._connectors = connectors

    async def call_operation(self, connector: str, operation: str, body: dict[str, Any]) -> Response:
        """What the connector answers."""
        if connector not in self._connectors:
            raise NotFound(f"There is no connector {connector}.")
        sent = {}
        if system := header("X-System"):
            sent["X-System"] = system
        if key := header("Idempotency-Key"):
            sent["Idempotency-Key"] = derived_id("operation", current_caller().actor, connector, operation, key)
        found = await self._connectors[connector].ask(
            "POST", f"/operations/{operation}", json=body, headers=sent, patience=PATIENCE, acts=True
        )
        return relayed(found)

    async def tell_result(self, connector: str, body: dict[str, Any]) -> Response:
        """What the connector answers."""
        if connector not in self._connectors:
            raise NotFound(f"There is no connector {connector}.")
        return relayed(await self._connectors[connector].ask("POST", "/results", json=body, acts=True))
