"""Operations on instances: the coordinator's truth, and the monitor's index of it."""

from typing import Any
from urllib.parse import quote

import httpx
from starlette.responses import Response

from gateway.downstream import Downstream
from gateway.preferences import Preference, read_preference
from gateway.relaying import relayed
from service_kit.http import answer, header


class Instances:
    """Handlers by operationId. `commit_wait`: seconds to wait for something to be recorded."""

    def __init__(self, coordinator: Downstream, monitor: Downstream, commit_wait: float) -> None:
        self._coordinator = coordinator
        self._monitor = monitor
        self._commit_wait = commit_wait

    async def start_instance(self, process: str, body: dict[str, Any]) -> Response:
        """Ask the coordinator for it, and wait as long as the caller prefers."""
        preference = read_preference(header("Prefer"))
        start = {
            **body,
            **_idempotency(),
            "process": process,
            **self._patience(preference),
        }
        found = await self._coordinator.ask(
            "POST", "/starts", json=start, patience=self._commit_wait + (preference.wait or 0.0)
        )
        return _started(found, preference)

    def _patience(self, preference: Preference) -> dict[str, float]:
        if preference.respond_async:
            return {"wait": 0.0, "wait_end": 0.0}
        return {"wait": self._commit_wait, "wait_end": preference.wait or 0.0}

    async def read_instance(self, id: str) -> Response:  # noqa: A002 - the contract's name
        """From the journal: the caller reads what they wrote."""
        return relayed(await self._coordinator.ask("GET", f"/instances/{id}"))

    async def search_instances(self, **conditions: Any) -> Response:
        """From the monitor's index."""
        if statuses := conditions.get("status"):
            conditions["status"] = ",".join(statuses)
        return relayed(await self._monitor.ask("GET", "/instances", params=conditions))

    async def list_incidents(self, **conditions: Any) -> Response:
        """From the monitor's index."""
        conditions["resolved"] = "true" if conditions.get("resolved") else None
        return relayed(await self._monitor.ask("GET", "/incidents", params=conditions))

    async def read_timeline(self, id: str) -> Response:  # noqa: A002
        """From the monitor's index."""
        return relayed(await self._monitor.ask("GET", f"/instances/{id}/timeline"))

    async def read_undo_plan(self, id: str) -> Response:  # noqa: A002
        """What a cancel with undo would do."""
        return relayed(await self._coordinator.ask("GET", f"/instances/{id}/undo-plan"))

    async def cancel_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """Stop it."""
        return await self.act(id, "cancel", body)

    async def erase_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """Forget its values."""
        return await self.act(id, "erase", body)

    async def retry_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """Every incident again."""
        return await self.act(id, "retry", body)

    async def retry_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        """One incident again."""
        return await self.act(id, f"steps/{step}/retry", body)

    async def complete_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        """Finish a step by hand."""
        return await self.act(id, f"steps/{step}/complete", body)

    async def set_variables(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """Give variables new values."""
        return await self.act(id, "variables", body)

    async def throw_from_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        """An error or an escalation of whoever works on a step."""
        return await self.act(id, f"steps/{step}/throw", body)

    async def fire_event(self, id: str, step: int, element: str, body: dict[str, Any]) -> Response:  # noqa: A002
        """Let an event happen that a step waits for."""
        return await self.act(id, f"steps/{step}/events/{quote(element, safe='')}", body)

    async def act(self, instance: str, act: str, body: dict[str, Any]) -> Response:
        """Ask the coordinator for it, and wait as long as the caller prefers until it is done."""
        preference = read_preference(header("Prefer"))
        patience = 0.0 if preference.respond_async else self._commit_wait
        done = 0.0 if preference.respond_async else preference.wait or 0.0
        sent = {**body, **_idempotency(), "wait": patience, "wait_done": done}
        found = await self._coordinator.ask("POST", f"/instances/{instance}/{act}", json=sent, patience=patience + done)
        if found.status_code == 202:
            return relayed(found, {"Location": f"/instances/{instance}"})
        return relayed(found, {"Preference-Applied": f"wait={done:.0f}"} if done else None)


def _idempotency() -> dict[str, str]:
    key = header("Idempotency-Key")
    return {"idempotency_key": key} if key else {}


def _started(found: httpx.Response, preference: Preference) -> Response:
    instance = found.json()
    headers = {"Location": f"/instances/{instance['id']}"}
    if found.status_code == 202:
        if preference.respond_async:
            headers["Preference-Applied"] = "respond-async"
        return answer({"id": instance["id"], "status": "accepted"}, 202, headers)
    if preference.wait is not None and instance.get("ended_at"):
        headers["Preference-Applied"] = f"wait={preference.wait:.0f}"
    return relayed(found, headers)
