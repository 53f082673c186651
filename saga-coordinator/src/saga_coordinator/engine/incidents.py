"""Steps that wait for a person."""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.turn import Turn

EXPRESSION_FAILED = "EXPRESSION_FAILED"
NO_FLOW = "NO_FLOW"
BAD_TIMER = "BAD_TIMER"
RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
SEVERAL_DOCUMENTS = "SEVERAL_DOCUMENTS"
CANNOT_UNDO = "CANNOT_UNDO"
LATE_EFFECT = "LATE_EFFECT"
LOCK_TIMEOUT = "LOCK_TIMEOUT"
CANNOT_BE_HANDLED = "CANNOT_BE_HANDLED"
CHILD_ENDED = "CHILD_ENDED"
CHILD_REFUSED = "CHILD_REFUSED"
DEADLINE_PASSED = "DEADLINE_PASSED"
RUNAWAY = "RUNAWAY"


def raise_incident(
    turn: Turn,
    step: int,
    code: str,
    message: str,
    resume: str,
    output: Any = None,
    references: dict[str, str] | None = None,
) -> None:
    """The step stops here until somebody retries it; `resume` names where it then goes on (see `resuming`)."""
    turn.emit(
        f.IncidentRaised(
            step=step, code=code, message=message, resume=resume, output=output, references=references or {}
        )
    )
