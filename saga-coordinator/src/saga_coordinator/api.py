"""The handlers of `openapi/saga-coordinator.yaml`, by operationId."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from saga_coordinator import views, wire
from saga_coordinator.acts import Begun, begun
from saga_coordinator.deciding import PURGED
from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import InstanceNotFound, InstancePurged
from saga_coordinator.lanes import EVENTS
from saga_coordinator.lookout import Lookout
from saga_coordinator.operating import Operating
from saga_coordinator.refusing import problem
from saga_coordinator.registry import beginnings
from saga_coordinator.sending import Sender
from saga_coordinator.service import Service
from saga_coordinator.starts import start
from saga_coordinator.store.refusals import Refusal
from service_kit import tracing
from service_kit.broker import Outgoing
from service_kit.http import Conflict, Unprocessable, answer, current_caller
from service_kit.ids import derived_id, new_id
from service_kit.messages import CloudEvent
from service_kit.sealing import SEALED, is_marked

Body = dict[str, Any]
# What of an act becomes variables.
GIVEN = ("output", "values", "payload", "input", "variables")
MOST_CHILDREN = 1_000
# How often somebody who waits for an act to be done looks at the instance, in seconds.
LOOKS_EVERY = 0.1


class Instances:
    """Starting, steering and reading instances. `lanes` as all coordinators have it."""

    def __init__(self, service: Service, operating: Operating, sender: Sender, lookout: Lookout, lanes: int) -> None:
        self._service = service
        self._operating = operating
        self._sender = sender
        self._lookout = lookout
        self._lanes = lanes

    async def start_instance(self, body: Body) -> Response:
        """Send the start on its lane, and wait as long as is asked."""
        input_ = await run_in_threadpool(self._start, body, current_caller().actor)
        await self._sender.send([wire.input_event(input_, self._lanes)])
        outcome = await self._lookout.outcome(input_.instance, input_.id, body.get("wait", 0))
        if outcome is None or outcome.queued:
            return _taken(input_.instance)
        refusal = outcome.refusal
        if refusal and refusal.code == "EXISTING_INSTANCE" and refusal.existing_instance:
            return await self._existing(refusal)
        if refusal and refusal.code != "ALREADY_STARTED":
            raise problem(await run_in_threadpool(self._with_beginnings, refusal, input_))
        await self._lookout.end(input_.instance, body.get("wait_end", 0))
        return await self._shown(input_.instance, 201)

    def _with_beginnings(self, refusal: Refusal, input_: i.Input) -> Refusal:
        """A start that was refused for what it names, or names not, is told what it can name."""
        if refusal.code != "UNKNOWN_ELEMENT" or not isinstance(input_, i.Start):
            return refusal
        known = ", ".join(element.id for element in beginnings(self._service.registry.of(input_))) or "none"
        if input_.element is None:
            told = f"{input_.process} cannot tell where to begin: name one of its start events as `element` ({known})"
        else:
            told = f"{input_.element} is not a start event of {input_.process}, which has: {known}"
        return msgspec.structs.replace(refusal, message=told)

    async def _existing(self, refusal: Refusal) -> Response:
        try:
            return await self._shown(refusal.existing_instance or "")
        except InstancePurged as purged:
            told = Refusal(refusal.input_id, refusal.instance, PURGED, str(purged), refusal.existing_instance)
            raise problem(told) from purged

    def _start(self, body: Body, actor: str) -> i.Input:
        _refuse_sealed([body["variables"], body.get("payload")])
        input_ = start(
            body["process"],
            self._version(body["process"], body.get("version")),
            idempotency_key=body.get("idempotency_key"),
            client=actor,
            business_key=body.get("business_key"),
            by=actor,
            variables=body["variables"],
            element=body.get("element"),
            payload=body.get("payload"),
        )
        if self._operating.is_suspended(input_.process) and not self._service.instances([input_.instance]):
            raise Conflict(f"The process {input_.process} is suspended.", code="PROCESS_SUSPENDED")
        try:
            input_ = self._service.keyed(input_)
        except SQLAlchemyError:
            raise
        except Exception as error:  # an expression of a process, on data from outside
            raise Unprocessable(f"The start event finds no business key: {error}.", code="BUSINESS_KEY") from error
        return msgspec.structs.replace(self._service.sealed(input_), traceparent=tracing.traceparent())

    async def read_instance(self, id: str) -> Response:  # noqa: A002 - the contract's name
        """From the journal."""
        return await self._shown(id)

    def read_undo_plan(self, id: str) -> Response:  # noqa: A002
        """What a cancel with undo would do."""
        return answer(views.plan_view(*self._service.undo_plan(id)))

    async def cancel_instance(self, id: str, body: Body) -> Response:  # noqa: A002
        """Stop it."""
        fields = {**who(body), "undo": body["undo"]}
        return await self.act(id, body, "cancel", lambda input_id: i.Cancel(id=input_id, instance=id, **fields))

    async def erase_instance(self, id: str, body: Body) -> Response:  # noqa: A002
        """Answered when the values are gone."""
        if await run_in_threadpool(self._service.has_open_calls, id):
            raise Conflict("A process that the instance called has not ended.", code="NOT_ENDED")
        fields = {**who(body), "identifiers": body.get("identifiers", False)}
        make = lambda input_id: i.Erase(id=input_id, instance=id, **fields)  # noqa: E731
        return await self.act(id, body, "erase", make, self._service.erase)

    async def retry_instance(self, id: str, body: Body) -> Response:  # noqa: A002
        """Every incident again."""
        fields = who(body)
        return await self.act(id, body, "retry", lambda input_id: i.Retry(id=input_id, instance=id, **fields))

    async def retry_step(self, id: str, step: int, body: Body) -> Response:  # noqa: A002
        """One incident again."""
        fields = {**who(body), "step": step, "happened": body.get("happened"), "output": body.get("output")}
        fields["edited"] = body.get("input")
        return await self.act(id, body, f"retry/{step}", lambda input_id: i.Retry(id=input_id, instance=id, **fields))

    async def complete_step(self, id: str, step: int, body: Body) -> Response:  # noqa: A002
        """Finish a step by hand."""
        fields: Body = {"step": step, "output": body.get("output"), "by": current_caller().actor}
        make = lambda input_id: i.CompleteStep(id=input_id, instance=id, **fields)  # noqa: E731
        return await self.act(id, body, f"complete/{step}", make)

    async def set_variables(self, id: str, body: Body) -> Response:  # noqa: A002
        """Give variables new values."""
        fields = {**who(body), "values": body["values"], "step": body.get("step")}
        make = lambda input_id: i.SetVariables(id=input_id, instance=id, **fields)  # noqa: E731
        return await self.act(id, body, "variables", make)

    async def throw_from_step(self, id: str, step: int, body: Body) -> Response:  # noqa: A002
        """An error or an escalation of whoever works on a step."""
        fields: Body = {name: body[name] for name in ("code", "message", "payload") if name in body}
        fields |= {"step": step, "error": body["kind"] == "error", "by": current_caller().actor}
        make = lambda input_id: i.Throw(id=input_id, instance=id, **fields)  # noqa: E731
        return await self.act(id, body, f"throw/{step}", make)

    async def fire_event(self, id: str, step: int, element: str, body: Body) -> Response:  # noqa: A002
        """An event happens because somebody says so."""
        fields = {**who(body), "step": step, "element": element, "payload": body.get("payload")}
        make = lambda input_id: i.FireEvent(id=input_id, instance=id, **fields)  # noqa: E731
        return await self.act(id, body, f"fire/{step}/{element}", make)

    async def act(
        self,
        instance: str,
        body: Body,
        act: str,
        make: Callable[[str], i.Input],
        afterwards: Callable[[str], None] | None = None,
    ) -> Response:
        """Send what `make` makes of an input id (the same one for the same idempotency key), and tell how it stands:
        200 when it is done, 202 while it is under way. `afterwards` is done when it is recorded."""
        key = body.get("idempotency_key")
        input_ = make(derived_id("act", current_caller().actor, instance, act, key) if key else new_id())
        given = [body[name] for name in GIVEN if body.get(name) is not None]
        if given:
            _refuse_sealed(given)
            input_ = await run_in_threadpool(self._service.sealed, input_)
        await self._sender.send([wire.input_event(input_, self._lanes)])
        outcome = await self._lookout.outcome(instance, input_.id, body.get("wait", 0))
        if outcome is None:
            return _taken(instance)
        if outcome.refusal:
            raise problem(outcome.refusal)
        seq = outcome.seq or 0
        began = await run_in_threadpool(self._begun, input_, seq, bool(key))
        if afterwards is not None:
            await run_in_threadpool(afterwards, instance)
        done = await self._is_done(instance, began, body.get("wait_done", 0))
        shown = await run_in_threadpool(self._view, instance)
        return answer({**shown, "act": {"seq": seq, "done": done}}, 200 if done else 202)

    def _begun(self, input_: i.Input, seq: int, again: bool) -> Begun:
        (row,) = self._service.whole_journal(input_.instance, seq, 1)
        if again and msgspec.structs.replace(wire.stored_input(row), at=0) != input_:
            raise Unprocessable("This Idempotency-Key was used for another request.", code="IDEMPOTENCY_KEY_REUSED")
        return begun(input_, wire.facts_of(row))

    async def _is_done(self, instance: str, began: Begun, seconds: float) -> bool:
        """Whether what the act began has happened, after this time at most."""
        if began.nothing:
            return True
        give_up = time.monotonic() + seconds
        while True:
            state = await run_in_threadpool(self._service.load, instance)
            if began.is_settled(state) or time.monotonic() >= give_up:
                return began.is_done(state)
            await asyncio.sleep(LOOKS_EVERY)

    async def _shown(self, instance: str, status: int = 200) -> Response:
        return answer(await run_in_threadpool(self._view, instance), status)

    def _view(self, instance: str) -> Body:
        state = self._service.load(instance)
        row = self._service.instances([instance])[instance]
        children = self._service.search(parent=instance, limit=MOST_CHILDREN)
        return views.instance_view(state, row, self._service.registry.get(state.process, state.version), children)

    def _version(self, process: str, version: int | None) -> int:
        registry = self._service.registry
        return (registry.get(process, version) if version else registry.latest(process)).version


def who(body: Body) -> Body:
    """Who acts, why, and on what they have seen."""
    return {"by": current_caller().actor, "reason": body["reason"], "expected_seq": body.get("expected_seq")}


def _refuse_sealed(given: Any) -> None:
    """Nobody outside holds a sealed value: what looks like one is what a view showed, and would replace the secret."""
    if is_marked(wire.encode(given)):
        raise Unprocessable(f"A value named {SEALED} stands for a secret: leave it out.", code="SEALED_VALUE")


def _taken(instance: str) -> Response:
    return answer({"id": instance, "status": "accepted"}, 202)


class Followers:
    """What the monitor asks for when it has missed something. Blocking."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def read_journal(self, id: str, limit: int, **query: Any) -> Response:  # noqa: A002 - `from` cannot be a name
        """Journal entries from `from` on."""
        known = self._service.instances([id]).get(id)
        if known is None:
            raise InstanceNotFound
        rows = self._service.journal(id, query["from"], limit)
        return answer({"items": [views.entry_view(row, known) for row in rows]})

    def list_digests(self, since: int, after: str, limit: int) -> Response:
        """How far each journal goes."""
        page = self._service.digests(since, after, limit)
        return answer({"items": [{"instance": instance, "seq": seq} for instance, seq in page]})

    def list_forgotten(self, since: int, after: str, limit: int) -> Response:
        """What to forget."""
        return answer({"items": [msgspec.to_builtins(each) for each in self._service.forgotten(since, after, limit)]})


class Events:
    """Storing events that no instance is known for yet."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def publish_events(self, body: Body) -> Response:
        """On the queue `events`, confirmed."""
        events = [_event({**event, "tlrouting": body.get("routing")}) for event in body["events"]]
        await self._sender.send([Outgoing(EVENTS, event) for event in events])
        return answer({"accepted": len(events)}, 202)


def _event(given: Body) -> CloudEvent:
    data = msgspec.Raw(wire.encode(given.get("data")))
    known = {name: given[name] for name in CloudEvent.__struct_fields__ if name in given and name != "data"}
    return CloudEvent(**known, data=data)
