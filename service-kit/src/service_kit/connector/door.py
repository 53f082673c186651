"""The REST door: the catalogue's operations by HTTP, through the same inbox as commands.

`Idempotency-Key` makes a call the same call: it is carried out once, and answered with the same outcome every time.
"""

import time
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from service_kit.catalogue import Effect, Operation
from service_kit.connector.inbox import Finished, Inbox, Starting
from service_kit.connector.operations import Operations
from service_kit.connector.outcomes import INVALID_INPUT, UNKNOWN_OPERATION, UNKNOWN_SYSTEM
from service_kit.connector.rules import Answer, Ask, CarryOutAgain, Row, delivered_again
from service_kit.http.answers import answer, header
from service_kit.http.problems import Relayed
from service_kit.ids import derived_id, new_id
from service_kit.messages import Accepted, Command, CommandKind, Completed, Outcome, Rejected, Unavailable, Unknown

LOOK_AGAIN = 0.1

_STATUS = {INVALID_INPUT: 400, UNKNOWN_SYSTEM: 404, UNKNOWN_OPERATION: 404}


class Door:
    """Carries out calls that came by HTTP."""

    def __init__(self, connector: str, operations: Operations, inbox: Inbox) -> None:
        self._connector = connector
        self._operations = operations
        self._inbox = inbox

    def handler(self, operation: Operation) -> Callable[..., Response]:
        """The handler of `POST /operations/...`."""

        def handle(body: Any = None, **_: Any) -> Response:
            system = header("X-System") or self._connector
            return _response(self.call(operation, system, body, header("Idempotency-Key")))

        return handle

    def call(self, operation: Operation, system: str, input_: Any, key: str | None) -> Outcome:
        """Carry it out, once for each key. What cannot be known in time is `Unknown`: asking again is safe."""
        command = _command(operation, system, input_, key)
        if operation.effect is Effect.READ:
            return self._operations.execute(command)
        starting = Starting(command.id, operation.name, command.hub_key)
        exchanged = self._inbox.exchange([], [starting])
        if exchanged.started:
            return self._record(command, self._operations.execute(command))
        return self._call_again(command, operation, exchanged.known[command.id])

    def _call_again(self, command: Command, operation: Operation, row: Row) -> Outcome:
        deadline = time.monotonic() + operation.timeout
        while time.monotonic() < deadline:
            match delivered_again(row, operation):
                case Answer(outcome=outcome, record=record):
                    return self._record(command, outcome) if record else outcome
                case Ask():
                    return self._record(command, self._operations.find_out(command))
                case CarryOutAgain() if self._inbox.take_over(row):
                    return self._record(command, self._operations.execute(command))
            time.sleep(LOOK_AGAIN)
            row = self._inbox.look([command.id])[command.id]
        return Unknown(reason="it is still being carried out")

    def _record(self, command: Command, outcome: Outcome) -> Outcome:
        exchanged = self._inbox.exchange([Finished(command.id, outcome)], [])
        earlier = exchanged.known.get(command.id)
        return earlier.outcome if earlier is not None and earlier.outcome is not None else outcome


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
