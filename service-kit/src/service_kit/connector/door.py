"""The REST door: the catalogue's operations by HTTP, through the same inbox as commands.

`Idempotency-Key` makes a call the same call: it is carried out once, and answered with the same outcome every time.
What was certainly not carried out, because the system was away, under maintenance or used too often, or because the
call was wrong, leaves its key free. What was accepted is answered by its result once that is known.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec
from starlette.responses import Response

from service_kit.catalogue import Effect, Operation
from service_kit.connector.gate import NotNow
from service_kit.connector.inbox import Finished, Inbox, Starting
from service_kit.connector.operations import Operations
from service_kit.connector.outcomes import INVALID_INPUT, UNKNOWN_OPERATION, UNKNOWN_SYSTEM
from service_kit.connector.promise_rows import Asked
from service_kit.connector.results import Ambiguous, LateResult, Results, Told
from service_kit.connector.rules import Answer, Ask, CarryOutAgain, Row, delivered_again
from service_kit.connector.sending import Permit
from service_kit.http.answers import answer, header
from service_kit.http.problems import Relayed
from service_kit.ids import derived_id, new_id
from service_kit.messages import Accepted, Command, CommandKind, Completed, Outcome, Rejected, Unavailable, Unknown

LOOK_AGAIN = 0.1
KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"

_STILL = Unknown(reason="it is still being carried out")
_REUSED = Rejected(code=KEY_REUSED, message="the Idempotency-Key belongs to a call with another body")
_NOT_TRIED = {INVALID_INPUT: 400, UNKNOWN_SYSTEM: 404, UNKNOWN_OPERATION: 404}
_STATUS = {**_NOT_TRIED, KEY_REUSED: 422}


class Door:
    """Carries out calls that came by HTTP."""

    def __init__(self, connector: str, operations: Operations, inbox: Inbox) -> None:
        self._connector = connector
        self._operations = operations
        self._inbox = inbox
        self._results = Results(inbox)
        self._lock = threading.Lock()
        self._calls: dict[str, tuple[str, Future[Outcome]]] = {}

    def handler(self, operation: Operation) -> Callable[..., Response]:
        """The handler of `POST /operations/...`."""

        def handle(body: Any = None, **_: Any) -> Response:
            system = header("X-System") or self._connector
            return _response(self.call(operation, system, body, header("Idempotency-Key")))

        return handle

    def tell(self, body: dict[str, Any], **_: Any) -> Response:
        """The handler of `POST /results`: what was accepted is finished."""
        told = self._results_of(body)
        try:
            became = self._results.tell(body.get("system") or self._connector, told)
        except Ambiguous as error:
            raise Relayed(409, str(error), code="AMBIGUOUS") from error
        if became is Told.ANOTHER:
            raise Relayed(409, "another result was told before", code="RESULT_DIFFERS")
        return answer({"result": became}, 202 if became is Told.EARLY else 200)

    def _results_of(self, body: dict[str, Any]) -> LateResult:
        outcome: Completed | Rejected
        if body["outcome"] == "completed":
            outcome = Completed(output=body.get("output"), references=body.get("references") or {})
        elif not body.get("code"):
            raise Relayed(400, "code: a rejected result needs one")
        else:
            outcome = Rejected(code=body["code"], message=body.get("message", ""), details=body.get("details"))
        if body.get("reference") is None and body.get("hubKey") is None:
            raise Relayed(400, "reference: a result needs a reference or a hubKey")
        return LateResult(outcome=outcome, reference=body.get("reference"), hub_key=body.get("hubKey"))

    def call(self, operation: Operation, system: str, input_: Any, key: str | None) -> Outcome:
        """Carry it out, once for each key. What cannot be known in time is `Unknown`: asking again is safe."""
        command = _command(operation, system, input_, key)
        if operation.effect is Effect.READ:
            return _now(self._operations.execute(command))
        return self._once(command, operation)

    def _once(self, command: Command, operation: Operation) -> Outcome:
        # Calls with one key share this process's lease, so the inbox cannot tell them apart: here they become one.
        digest = self._inbox.safe.digest(command.id, operation.name, lambda: _digest(command))
        future = Future[Outcome]()
        with self._lock:
            known, leading = self._calls.setdefault(command.id, (digest, future))
        if leading is not future:
            return _joined(leading, operation.timeout) if known == digest else _REUSED
        try:
            outcome = self._carry_out(command, operation, digest)
        except BaseException as error:
            self._leave(command.id)
            future.set_exception(error)
            raise
        self._leave(command.id)
        future.set_result(outcome)
        return outcome

    def _leave(self, command: str) -> None:
        with self._lock:
            del self._calls[command]

    def _carry_out(self, command: Command, operation: Operation, digest: str) -> Outcome:
        starting = Starting(command.id, operation.name, command.hub_key, digest)
        permit = self._operations.permit()
        row = self._inbox.claim(starting)
        deadline = time.monotonic() + operation.timeout
        while row is not None:
            if row.digest not in (None, digest):
                return _REUSED
            outcome = self._known(command, operation, row, permit)
            if outcome is not None:
                return outcome
            if time.monotonic() > deadline:
                return _STILL
            time.sleep(LOOK_AGAIN)
            permit = self._operations.permit()
            row = self._inbox.look([command.id]).get(command.id) or self._inbox.claim(starting)
        return self._execute(command, permit)

    def _known(self, command: Command, operation: Operation, row: Row, permit: Permit) -> Outcome | None:
        match delivered_again(row, operation):
            case Answer(outcome=outcome, record=record):
                return self._record(command, outcome) if record else row.result or outcome
            case Ask():
                found = self._operations.find_out(command)
                return self._record(command, found) if isinstance(found, Completed) else found
            case CarryOutAgain() if self._inbox.take_over(row):
                return self._execute(command, permit)
        return None

    def _execute(self, command: Command, permit: Permit) -> Outcome:
        outcome = _now(self._operations.execute(command, permit))
        if isinstance(outcome, Unavailable) or (isinstance(outcome, Rejected) and outcome.code in _NOT_TRIED):
            return outcome if self._inbox.release(command.id) else _STILL
        return self._record(command, outcome)

    def _record(self, command: Command, outcome: Outcome) -> Outcome:
        operation = self._operations.find(command.operation)
        every = operation.result if operation is not None else None
        asked = Asked(command)
        finished = Finished(command.id, outcome, operation=command.operation, asked=asked, every=every)
        exchanged = self._inbox.exchange([finished], [])
        earlier = exchanged.known.get(command.id)
        return earlier.outcome if earlier is not None and earlier.outcome is not None else outcome


def _now(outcome: Outcome | NotNow) -> Outcome:
    return outcome.unavailable() if isinstance(outcome, NotNow) else outcome


def _digest(command: Command) -> str:
    return derived_id(command.id, msgspec.json.encode(command.input, order="sorted").decode())


def _joined(leading: Future[Outcome], timeout: float) -> Outcome:
    try:
        return leading.result(timeout)
    except TimeoutError:
        return _STILL


def _command(operation: Operation, system: str, input_: Any, key: str | None) -> Command:
    id_ = f"rest.{derived_id(operation.name, system, key) if key else new_id()}"
    return Command(
        id=id_,
        kind=CommandKind.EXECUTE,
        instance="",
        step=0,
        attempt=1,
        operation=operation.name,
        system=system,
        hub_key=derived_id(id_)[:12].upper(),
        reply_to="",
        input=input_,
    )


def _response(outcome: Outcome) -> Response:
    match outcome:
        case Completed(output=output):
            return answer(output)
        case Accepted(reference=reference):
            return answer({"reference": reference}, 202)
        case Rejected(code=code, message=message, details=details):
            raise Relayed(_STATUS.get(code, 409), message, code=code, more={"details": details} if details else {})
        case Unavailable(reason=reason, retry_after=retry_after):
            raise Relayed(503, reason, retry_after=retry_after)
    raise Relayed(504, f"It may or may not have been applied: {getattr(outcome, 'reason', '')}")
