"""Operations on processes; the coordinator answers them."""

from urllib.parse import quote

from starlette.responses import Response

from gateway.downstream import Downstream
from gateway.relaying import relayed


class Processes:
    """Handlers by operationId."""

    def __init__(self, coordinator: Downstream) -> None:
        self._coordinator = coordinator

    async def list_processes(self) -> Response:
        """The latest version of each."""
        return relayed(await self._coordinator.ask("GET", "/processes"))

    async def list_versions(self, process: str) -> Response:
        """Newest first."""
        return relayed(await self._coordinator.ask("GET", f"/processes/{process}/versions"))

    async def read_process_xml(self, process: str, version: int) -> Response:
        """As it was deployed."""
        return relayed(await self._coordinator.ask("GET", f"/processes/{process}/versions/{version}/xml"))

    async def deploy_process(self, body: bytes, dry_run: bool = False) -> Response:
        """Store a new version, or only check it."""
        params = {"dry_run": "true"} if dry_run else {}
        headers = {"Content-Type": "application/xml"}
        found = await self._coordinator.ask("POST", "/processes", params=params, content=body, headers=headers)
        if found.status_code != 201:
            return relayed(found)
        deployed = found.json()
        address = f"/processes/{quote(deployed['process'])}/versions/{deployed['version']}/xml"
        return relayed(found, {"Location": address})
