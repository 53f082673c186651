"""The handlers that deploy and list processes and decisions (`openapi/saga-coordinator.yaml`)."""

from typing import Any

from starlette.responses import Response

from saga_coordinator import views
from saga_coordinator.bpmn import Refused, process_ids
from saga_coordinator.decisions import Decisions as Deployed
from saga_coordinator.service import Service
from saga_coordinator.store.decisions import DecisionVersion
from saga_coordinator.store.processes import Deployment
from service_kit.http import NotFound, Unprocessable, answer, current_caller


class Processes:
    """Deploying and listing. Blocking: each call has a worker thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def list_processes(self) -> Response:
        """The latest version of each."""
        newest: dict[str, Deployment] = {}
        for row in self._service.processes():
            newest.setdefault(row.id, row)
        return answer({"items": [views.process_view(row) for row in newest.values()]})

    def list_versions(self, process: str) -> Response:
        """Newest first."""
        return answer({"items": [views.process_view(row) for row in self._versions(process)]})

    def read_process_xml(self, process: str, version: int) -> Response:
        """As it was deployed."""
        for row in self._versions(process):
            if row.version == version:
                return Response(row.xml, media_type="application/xml")
        raise NotFound(f"Version {version} of process {process} is not deployed.")

    def deploy_process(self, body: bytes, dry_run: bool = False) -> Response:
        """Store new versions of all executable processes of a file, or only check them."""
        try:
            ids = process_ids(body, executable=True) or [""]
            for id_ in ids:
                self._service.check(body, id_)
            if dry_run:
                return answer(_deployment([{"process": id_, "version": None, "deployed": False} for id_ in ids]))
            known = {(row.id, row.version) for row in self._service.processes()}
            rows = [self._service.deploy(body, id_, by=current_caller().actor) for id_ in ids]
        except Refused as refused:
            raise _not_deployable(refused) from refused
        shown = [
            {"process": row.id, "version": row.version, "deployed": (row.id, row.version) not in known} for row in rows
        ]
        return answer(_deployment(shown), 201 if any(one["deployed"] for one in shown) else 200)

    def _versions(self, process: str) -> list[Deployment]:
        rows = [row for row in self._service.processes() if row.id == process]
        if not rows:
            raise NotFound(f"No process {process} is deployed.")
        return rows


def _deployment(shown: list[dict[str, Any]]) -> dict[str, Any]:
    others = {"others": shown[1:]} if len(shown) > 1 else {}
    return {**shown[0], "findings": [], **others}


def _not_deployable(refused: Refused) -> Unprocessable:
    findings = [views.finding_view(finding) for finding in refused.findings]
    told = f"{len(findings)} finding{'' if len(findings) == 1 else 's'} in the file; nothing was stored."
    return Unprocessable(told, code="NOT_DEPLOYABLE", more={"findings": findings})


class Decisions:
    """Deploying and listing decisions. Blocking."""

    def __init__(self, decisions: Deployed) -> None:
        self._decisions = decisions

    def list_decisions(self) -> Response:
        """The latest version of each."""
        newest: dict[str, DecisionVersion] = {}
        for row in self._decisions.all():
            newest.setdefault(row.id, row)
        return answer({"items": [views.decision_view(row) for row in newest.values()]})

    def list_decision_versions(self, decision: str) -> Response:
        """Newest first."""
        return answer({"items": [views.decision_view(row) for row in self._versions(decision)]})

    def read_decision_xml(self, decision: str, version: int) -> Response:
        """The file as it was deployed."""
        for row in self._versions(decision):
            if row.version == version:
                return Response(row.xml, media_type="application/xml")
        raise NotFound(f"Version {version} of decision {decision} is not deployed.")

    def deploy_decisions(self, body: bytes, dry_run: bool = False) -> Response:
        """Store new versions, or only check them."""
        try:
            if dry_run:
                checked = [{"decision": id_, "version": None, "deployed": False} for id_ in self._decisions.check(body)]
                return answer({"decisions": checked, "findings": []})
            rows = self._decisions.deploy(body, by=current_caller().actor)
        except Refused as refused:
            raise _not_deployable(refused) from refused
        shown = [{"decision": row.id, "version": row.version, "deployed": is_new} for row, is_new in rows]
        return answer({"decisions": shown, "findings": []}, 201 if any(is_new for _, is_new in rows) else 200)

    def _versions(self, decision: str) -> list[DecisionVersion]:
        rows = [row for row in self._decisions.all() if row.id == decision]
        if not rows:
            raise NotFound(f"No decision {decision} is deployed.")
        return rows
