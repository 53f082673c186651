"""Where an HTTP dialect meets its faults: after authentication, before anything is applied."""

import json
import time
from collections.abc import Callable
from urllib.parse import unquote_plus

from flask import Response, request

from sandbox.faults import Call, Fault, FaultBook, Kind
from sandbox.http_server import DROP

Refusal = Callable[[Fault], Response]


class Gate:
    """Applies the faults of one system; `refusal` answers a business refusal in the system's dialect."""

    def __init__(self, system: str, faults: FaultBook, refusal: Refusal) -> None:
        self._system = system
        self._faults = faults
        self._refusal = refusal

    def enter(self, operation: str, document: Callable[[], object] = lambda: "") -> Response | None:
        """The answer that replaces the call's own, or None: go on. `document` tells what the call addresses."""
        if not self._faults.is_armed(self._system):
            return None
        answer = None
        for fault in self._faults.firing(Call(self._system, operation, _text(document()))):
            answer = self._happen(fault, is_write=request.method != "GET") or answer
        return answer

    def _happen(self, fault: Fault, is_write: bool) -> Response | None:
        if fault.kind is Kind.DELAY:
            time.sleep(fault.delay_ms / 1000)
        elif fault.kind in (Kind.DROP_BEFORE, Kind.DROP_AFTER):
            request.environ[DROP] = True
            return Response(status=500) if fault.kind is Kind.DROP_BEFORE else None
        elif fault.kind is Kind.HTTP:
            return _http_answer(fault)
        elif is_write or fault.kind is Kind.REFUSE:
            return self._refusal(fault)
        return None


def _http_answer(fault: Fault) -> Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Response(fault.message or "", status=fault.status or 503, headers=headers, content_type="text/plain")


def _text(document: object) -> str:
    body = request.get_data(as_text=True)
    described = json.dumps(document, default=str, ensure_ascii=False) if document else ""
    return "\n".join((request.method, request.path, unquote_plus(request.query_string.decode()), body, described))
