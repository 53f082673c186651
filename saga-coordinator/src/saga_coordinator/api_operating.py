"""More handlers of `openapi/saga-coordinator.yaml`: what operators do to steps and instances, and to many at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from saga_coordinator import views, wire
from saga_coordinator.api import Body, Instances, who
from saga_coordinator.engine import inputs as i
from saga_coordinator.lookout import Lookout
from saga_coordinator.operating import Candidate, Operating
from saga_coordinator.sending import Sender
from saga_coordinator.service import Outcome
from saga_coordinator.store.suspensions import PROCESS, SYSTEM
from service_kit.http import BadRequest, FieldError, answer, current_caller
from service_kit.ids import new_id

# So many instances are migrated at once.
BATCH = 50
MOST_IN_A_PAGE = 200


class Acts:
    """Single steps and instances."""

    def __init__(self, instances: Instances) -> None:
        self._act = instances.act

    async def skip_step(self, id: str, step: int, body: Body) -> Response:  # noqa: A002 - the contract's name
        """The step counts as done."""
        fields = {**who(body), "step": step, "output": body.get("output")}
        return await self._act(id, body, f"skip/{step}", lambda input_id: i.Skip(id=input_id, instance=id, **fields))

    async def move_step(self, id: str, step: int, body: Body) -> Response:  # noqa: A002
        """Its token goes elsewhere."""
        given: Body = {name: body[name] for name in ("to", "undo", "variables") if name in body}
        fields = {**who(body), **given, "step": step}
        return await self._act(id, body, f"move/{step}", lambda input_id: i.Move(id=input_id, instance=id, **fields))

    async def undo_by_hand(self, id: str, step: int, body: Body) -> Response:  # noqa: A002
        """What could not be undone was undone outside."""
        fields = {**who(body), "step": step, "evidence": body["evidence"]}
        make = lambda input_id: i.ByHand(id=input_id, instance=id, **fields)  # noqa: E731
        return await self._act(id, body, f"by-hand/{step}", make)

    async def suspend_instance(self, id: str, body: Body) -> Response:  # noqa: A002
        """Nothing begins in it."""
        fields = who(body)
        return await self._act(id, body, "suspend", lambda input_id: i.Suspend(id=input_id, instance=id, **fields))

    async def resume_instance(self, id: str, body: Body) -> Response:  # noqa: A002
        """It goes on."""
        fields = who(body)
        return await self._act(id, body, "resume", lambda input_id: i.Resume(id=input_id, instance=id, **fields))

    async def migrate_instance(self, id: str, body: Body) -> Response:  # noqa: A002
        """It goes on in another version."""
        fields = {**who(body), "version": body["version"], "elements": body.get("elements", {})}
        return await self._act(id, body, "migrate", lambda input_id: i.Migrate(id=input_id, instance=id, **fields))


class Suspending:
    """Systems and processes as a whole. Blocking."""

    def __init__(self, operating: Operating) -> None:
        self._operating = operating

    def list_suspensions(self) -> Response:
        """With what each holds back."""
        return answer({"items": [views.suspension_view(reach) for reach in self._operating.suspensions()]})

    def suspend_process(self, process: str, body: Body) -> Response:
        """Nothing begins in it."""
        reach = self._operating.suspend(PROCESS, process, current_caller().actor, body["reason"])
        return answer(views.suspension_view(reach))

    def resume_process(self, process: str, body: Body) -> Response:
        """It goes on."""
        reach = self._operating.resume(PROCESS, process, current_caller().actor, body["reason"])
        return answer(views.suspension_view(reach))

    def suspend_system(self, system: str, body: Body) -> Response:
        """Nothing is sent to it."""
        reach = self._operating.suspend(SYSTEM, system, current_caller().actor, body["reason"])
        return answer(views.suspension_view(reach))

    def resume_system(self, system: str, body: Body) -> Response:
        """What was held back is sent."""
        reach = self._operating.resume(SYSTEM, system, current_caller().actor, body["reason"])
        return answer(views.suspension_view(reach))


class Migrations:
    """Many instances to another version. `lanes` as all coordinators have it."""

    def __init__(self, operating: Operating, sender: Sender, lookout: Lookout, lanes: int) -> None:
        self._operating = operating
        self._sender = sender
        self._lookout = lookout
        self._lanes = lanes

    async def migrate_instances(self, process: str, body: Body) -> Response:
        """Look at one page of instances, and (unless it is a dry run) migrate those that can be."""
        dry, limit = body.get("dry_run", True), body.get("limit", MOST_IN_A_PAGE)
        if not dry and not body.get("reason"):
            raise BadRequest(errors=[FieldError("reason", "is required where `dry_run` is false")])
        found = await run_in_threadpool(self._candidates, process, body)
        items = {candidate.instance: views.candidate_view(candidate) for candidate in found}
        able = [] if dry else [candidate for candidate in found if not candidate.problems]
        for begin in range(0, len(able), BATCH):
            await self._migrate(able[begin : begin + BATCH], body, items)
        page = {"process": process, "from": body["from"], "to": body["to"], "dry_run": dry}
        more = found[-1].instance if len(found) == limit else None
        return answer({**page, "items": list(items.values()), "next": more})

    def _candidates(self, process: str, body: Body) -> list[Candidate]:
        return self._operating.candidates(
            process,
            body["from"],
            body["to"],
            body.get("elements", {}),
            instances=body.get("instances"),
            after=body.get("after", ""),
            limit=body.get("limit", MOST_IN_A_PAGE),
        )

    async def _migrate(self, batch: Sequence[Candidate], body: Body, items: dict[str, Body]) -> None:
        acts = [_migrate(candidate, body) for candidate in batch]
        await self._sender.send([wire.input_event(act, self._lanes) for act in acts])
        waiting = (self._lookout.outcome(act.instance, act.id, body.get("wait", 0)) for act in acts)
        for act, outcome in zip(acts, await asyncio.gather(*waiting), strict=True):
            items[act.instance] |= _told(outcome)


def _migrate(candidate: Candidate, body: Body) -> i.Migrate:
    fields: dict[str, Any] = {"version": body["to"], "elements": body.get("elements", {})}
    by = current_caller().actor
    return i.Migrate(id=new_id(), instance=candidate.instance, by=by, reason=body["reason"], **fields)


def _told(outcome: Outcome | None) -> Body:
    if outcome is None:
        return {"result": "pending"}
    if outcome.refusal is not None:
        told = outcome.refusal.message
        reasons = told.partition(": ")[2].split("; ") if outcome.refusal.code == "CANNOT_MIGRATE" else [told]
        return {"result": "cannot", "code": outcome.refusal.code, "problems": reasons}
    return {"result": "migrated", "seq": outcome.seq}
