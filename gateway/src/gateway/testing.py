"""Stand-ins for the services behind the gateway, for tests. They remember what they were asked."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from service_kit.http import (
    Conflict,
    InternalGuard,
    NotFound,
    Unprocessable,
    answer,
    contract,
    create_app,
    current_caller,
)

TOKEN = "internal"  # noqa: S105 - made up
INSTANCE = {
    "id": "i1",
    "process": "hello",
    "version": 1,
    "business_key": "SO-1",
    "status": "waiting",
    "seq": 3,
    "started_at": "2026-01-05T09:00:00.000Z",
    "ended_at": None,
    "variables": {},
    "steps": [],
}
SUMMARY = {name: INSTANCE[name] for name in ("id", "process", "version", "business_key", "status", "started_at")} | {
    "ended_at": None,
    "documents": [{"name": "salesOrder", "number": "4711", "system": "erp"}],
    "incidents": 0,
}

INCIDENT = {
    "instance": "i1",
    "step": 4,
    "element": "create-order",
    "system": "erp",
    "operation": "erp.create-sales-order",
    "code": "RETRIES_EXHAUSTED",
    "message": "",
    "raised_at": "2026-01-05T09:00:01.000Z",
    "resolved_at": None,
}

OPERATIONS = """
    list_processes list_versions read_process_xml deploy_process start_instance read_instance read_undo_plan
    list_decisions list_decision_versions read_decision_xml deploy_decisions
    cancel_instance erase_instance retry_instance retry_step complete_step set_variables throw_from_step fire_event
    publish_events read_journal list_digests list_forgotten
    skip_step move_step undo_by_hand suspend_instance resume_instance migrate_instance
    migrate_instances list_suspensions suspend_process resume_process suspend_system resume_system
"""
SUSPENSION = {
    "id": "s1",
    "kind": "system",
    "name": "erp",
    "by": "key:admin",
    "reason": "maintenance",
    "at": "2026-01-05T09:00:00.000Z",
    "resumed_at": None,
    "resumed_by": None,
    "commands_held": 3,
    "instances_suspended": 0,
    "instances_left": 0,
}
UNDER_WAY = INSTANCE | {"status": "compensating", "act": {"seq": 4, "done": False}}


class FakeCoordinator:
    """Keeps to `saga-coordinator.yaml`, remembers what it was asked, and on whose behalf."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.routings: list[str | None] = []
        self.late = False
        operations = {name: getattr(self, f"_{name}") for name in OPERATIONS.split()}
        self.app: ASGIApp = create_app(
            contract("saga-coordinator.yaml"),
            operations,
            service="saga-coordinator",
            guard=InternalGuard(TOKEN),
            validate_responses=True,
        )

    def _note(self, operation: str, asked: Any = None) -> None:
        self.asked.append((operation, current_caller().actor, asked))

    async def _list_processes(self) -> Response:
        return answer({"items": [_process("hello")]})

    async def _list_versions(self, process: str) -> Response:
        return answer({"items": [_process(process)]})

    async def _read_process_xml(self, process: str, version: int) -> Response:
        return Response(b"<definitions/>", media_type="application/xml")

    async def _deploy_process(self, body: bytes, dry_run: bool = False) -> Response:
        self._note("deploy_process", body)
        if b"bad" in body:
            finding = {"rule": "unknown-operation", "severity": "error", "element": "a", "line": 3, "message": "no"}
            raise Unprocessable(code="NOT_DEPLOYABLE", more={"findings": [finding]})
        version = None if dry_run else 1
        shown: dict[str, Any] = {"process": "hello", "version": version, "deployed": not dry_run, "findings": []}
        return answer(shown, 200 if dry_run else 201)

    async def _list_decisions(self) -> Response:
        return answer({"items": [_decision("discount")]})

    async def _list_decision_versions(self, decision: str) -> Response:
        return answer({"items": [_decision(decision)]})

    async def _read_decision_xml(self, decision: str, version: int) -> Response:
        return Response(b"<definitions/>", media_type="application/xml")

    async def _deploy_decisions(self, body: bytes, dry_run: bool = False) -> Response:
        self._note("deploy_decisions", body)
        if b"bad" in body:
            finding = {"rule": "bad-unary-test", "severity": "error", "element": "c", "line": 3, "message": "no"}
            raise Unprocessable(code="NOT_DEPLOYABLE", more={"findings": [finding]})
        shown = {"decision": "discount", "version": None if dry_run else 1, "deployed": not dry_run}
        return answer({"decisions": [shown], "findings": []}, 200 if dry_run else 201)

    async def _start_instance(self, body: dict[str, Any]) -> Response:
        self._note("start_instance", body)
        if body.get("business_key") == "taken":
            raise Conflict("It is taken.", code="BUSINESS_KEY_TAKEN", more={"existing_instance": "i0"})
        if body["wait"] == 0 or self.late:
            return answer({"id": "i1", "status": "accepted"}, 202)
        ended = {"status": "completed", "ended_at": "2026-01-05T09:00:01.000Z"} if body["wait_end"] else {}
        return answer(INSTANCE | ended, 200 if body.get("business_key") == "returned" else 201)

    async def _read_instance(self, id: str) -> Response:  # noqa: A002
        if id != "i1":
            raise NotFound
        return answer(INSTANCE)

    async def _read_undo_plan(self, id: str) -> Response:  # noqa: A002
        return answer({"instance": id, "seq": 3, "steps": []})

    async def _cancel_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("cancel_instance", body)
        if body.get("expected_seq", 3) != 3:
            raise Conflict("It has moved.", code="MOVED")
        if self.late:
            return answer({"id": id, "status": "accepted"}, 202)
        return answer(INSTANCE) if body["wait_done"] else answer(UNDER_WAY, 202)

    async def _erase_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("erase_instance", body)
        return answer(INSTANCE)

    async def _list_forgotten(self, since: int, after: str, limit: int) -> Response:
        return answer({"items": []})

    async def _retry_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("retry_instance", body)
        return answer(INSTANCE)

    async def _retry_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("retry_step", (step, body))
        return answer(INSTANCE)

    async def _complete_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("complete_step", (step, body))
        return answer(INSTANCE)

    async def _set_variables(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("set_variables", body)
        return answer(INSTANCE)

    async def _throw_from_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("throw_from_step", (step, body))
        return answer(INSTANCE)

    async def _fire_event(self, id: str, step: int, element: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("fire_event", (step, element, body))
        return answer(INSTANCE)

    async def _skip_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("skip_step", (step, body))
        return answer(INSTANCE)

    async def _move_step(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("move_step", (step, body))
        return answer(INSTANCE)

    async def _undo_by_hand(self, id: str, step: int, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("undo_by_hand", (step, body))
        return answer(INSTANCE)

    async def _suspend_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("suspend_instance", body)
        return answer(INSTANCE)

    async def _resume_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("resume_instance", body)
        return answer(INSTANCE)

    async def _migrate_instance(self, id: str, body: dict[str, Any]) -> Response:  # noqa: A002
        self._note("migrate_instance", body)
        return answer(INSTANCE)

    async def _migrate_instances(self, process: str, body: dict[str, Any]) -> Response:
        self._note("migrate_instances", body)
        page = {"process": process, "from": body["from"], "to": body["to"], "dry_run": body.get("dry_run", True)}
        return answer({**page, "items": [], "next": None})

    async def _list_suspensions(self) -> Response:
        return answer({"items": [SUSPENSION]})

    async def _suspend_process(self, process: str, body: dict[str, Any]) -> Response:
        self._note("suspend_process", (process, body))
        return answer(SUSPENSION | {"kind": "process", "name": process})

    async def _resume_process(self, process: str, body: dict[str, Any]) -> Response:
        self._note("resume_process", (process, body))
        raise Conflict("It is not suspended.", code="NOT_SUSPENDED")

    async def _suspend_system(self, system: str, body: dict[str, Any]) -> Response:
        self._note("suspend_system", (system, body))
        return answer(SUSPENSION | {"name": system})

    async def _resume_system(self, system: str, body: dict[str, Any]) -> Response:
        self._note("resume_system", (system, body))
        return answer(SUSPENSION | {"name": system})

    async def _publish_events(self, body: dict[str, Any]) -> Response:
        self._note("publish_events", body["events"])
        self.routings.append(body.get("routing"))
        return answer({"accepted": len(body["events"])}, 202)

    async def _read_journal(self, id: str, limit: int) -> Response:  # noqa: A002
        return answer({"items": []})

    async def _list_digests(self, since: int, after: str, limit: int) -> Response:
        return answer({"items": []})


def _process(id_: str) -> dict[str, Any]:
    return {"process": id_, "version": 1, "name": id_, "deployed_at": "2026-01-05T09:00:00.000Z", "deployed_by": None}


def _decision(id_: str) -> dict[str, Any]:
    return {"decision": id_, "version": 1, "name": id_, "deployed_at": "2026-01-05T09:00:00.000Z", "deployed_by": None}


class FakeMonitor:
    """Remembers the searches it was asked for."""

    def __init__(self) -> None:
        self.searches: list[dict[str, str]] = []
        self.ready = True
        self.app = Router(
            [
                Route("/instances", self._search),
                Route("/instances/{id}/timeline", self._timeline),
                Route("/incidents", self._incidents),
                Route("/ready", self._ready),
            ]
        )

    async def _search(self, request: Request) -> Response:
        self.searches.append(dict(request.query_params))
        return JSONResponse({"items": [SUMMARY], "next_cursor": None})

    async def _incidents(self, request: Request) -> Response:
        self.searches.append(dict(request.query_params))
        return JSONResponse({"items": [INCIDENT], "next_cursor": None})

    async def _timeline(self, _: Request) -> Response:
        return JSONResponse({"instance": SUMMARY, "steps": []})

    async def _ready(self, _: Request) -> Response:
        return JSONResponse({}, 200 if self.ready else 503)


class FakeConnector:
    """Answers every operation with what it was sent, but `refuse` and `unknown`."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.app = Router(
            [
                Route("/operations/{operation}", self._call, methods=["POST"]),
                Route("/results", self._result, methods=["POST"]),
            ]
        )

    async def _result(self, request: Request) -> Response:
        told = await request.json()
        return JSONResponse(
            {"result": "recorded" if told.get("reference") else "early"}, 200 if told.get("reference") else 202
        )

    async def _call(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        status = {"refuse": 409, "unknown": 504, "broken": 500}.get(request.path_params["operation"])
        if status:
            told = {"type": "about:blank", "title": "No", "status": status, "code": "CREDIT_BLOCKED", "detail": "No."}
            return JSONResponse(told, status, media_type="application/problem+json")
        return JSONResponse(await request.json())
