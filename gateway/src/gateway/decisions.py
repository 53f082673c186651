"""Operations on decisions; the coordinator answers them."""

from starlette.responses import Response

from gateway.downstream import Downstream
from gateway.relaying import relayed


class Decisions:
    """Handlers by operationId."""

    def __init__(self, coordinator: Downstream) -> None:
        self._coordinator = coordinator

    async def list_decisions(self) -> Response:
        """The latest version of each."""
        return relayed(await self._coordinator.ask("GET", "/decisions"))

    async def list_decision_versions(self, decision: str) -> Response:
        """Newest first."""
        return relayed(await self._coordinator.ask("GET", f"/decisions/{decision}/versions"))

    async def read_decision_xml(self, decision: str, version: int) -> Response:
        """As it was deployed."""
        return relayed(await self._coordinator.ask("GET", f"/decisions/{decision}/versions/{version}/xml"))

    async def deploy_decisions(self, body: bytes, dry_run: bool = False) -> Response:
        """Store new versions, or only check them."""
        params = {"dry_run": "true"} if dry_run else {}
        headers = {"Content-Type": "application/xml"}
        return relayed(await self._coordinator.ask("POST", "/decisions", params=params, content=body, headers=headers))
