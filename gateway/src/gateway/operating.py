"""What operators do to instances beside retrying and cancelling, and to many at once."""

from typing import Any

from starlette.responses import Response

from gateway.downstream import Downstream
from gateway.instances import Instances
from gateway.relaying import relayed

# How often the coordinator waits, at most, for a page of migrations.
MOST_BATCHES = 10


class Operating:
    """Handlers by operationId. `commit_wait`: seconds to wait for something to be recorded."""

    def __init__(self, coordinator: Downstream, instances: Instances, commit_wait: float) -> None:
        self._coordinator = coordinator
        self._act = instances.act
        self._commit_wait = commit_wait

    async def skip_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002 - the contract's name
        """The step counts as done."""
        return await self._act(id, f"steps/{step}/skip", body)

    async def move_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        """Its token goes elsewhere."""
        return await self._act(id, f"steps/{step}/move", body)

    async def undo_by_hand(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        """What could not be undone was undone outside."""
        return await self._act(id, f"steps/{step}/by-hand", body)

    async def suspend_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """Nothing begins in it."""
        return await self._act(id, "suspend", body)

    async def resume_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """It goes on."""
        return await self._act(id, "resume", body)

    async def migrate_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """It goes on in another version."""
        return await self._act(id, "migrate", body)

    async def migrate_instances(self, process: str, body: dict[str, Any]) -> Response:
        """A page of instances; the real run takes as many waits as it has batches."""
        sent = {**body, "wait": self._commit_wait}
        path = f"/processes/{process}/migrations"
        return relayed(await self._coordinator.ask("POST", path, json=sent, patience=MOST_BATCHES * self._commit_wait))

    async def list_suspensions(self) -> Response:
        """Systems and processes."""
        return relayed(await self._coordinator.ask("GET", "/suspensions"))

    async def suspend_process(self, process: str, body: dict[str, Any]) -> Response:
        """Nothing begins in it."""
        return relayed(await self._coordinator.ask("POST", f"/processes/{process}/suspend", json=body))

    async def resume_process(self, process: str, body: dict[str, Any]) -> Response:
        """It goes on."""
        return relayed(await self._coordinator.ask("POST", f"/processes/{process}/resume", json=body))

    async def suspend_system(self, system: str, body: dict[str, Any]) -> Response:
        """Nothing is sent to it."""
        return relayed(await self._coordinator.ask("POST", f"/systems/{system}/suspend", json=body))

    async def resume_system(self, system: str, body: dict[str, Any]) -> Response:
        """What was held back is sent."""
        return relayed(await self._coordinator.ask("POST", f"/systems/{system}/resume", json=body))
