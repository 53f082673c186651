"""How an adapter says that an operation did not simply succeed, and what becomes of everything else it may raise.

Refused      the system refuses for a business reason: certainly not applied    -> Rejected
NotApplied   it was certainly not applied and may work later                    -> Unavailable
Uncertain    it may or may not have been applied                                -> Unknown

An adapter may also return the outcome itself.
"""

from typing import Any

from service_kit.catalogue import Effect
from service_kit.errors import KitError
from service_kit.messages import Outcome, Rejected, Unavailable, Unknown

UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
UNKNOWN_SYSTEM = "UNKNOWN_SYSTEM"
INVALID_INPUT = "INVALID_INPUT"


class Refused(KitError):
    """The system refused. `code` is one of the operation's `errors` (canonical, upper snake case)."""

    def __init__(self, code: str, message: str = "", details: Any = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message
        self.details = details


class NotApplied(KitError):
    """Certainly not applied, may work later. `retry_after` in seconds where the system said so."""

    def __init__(self, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Uncertain(KitError):
    """May or may not have been applied."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


def outcome_of(error: Exception, effect: Effect) -> Outcome:
    """The outcome that an adapter's exception stands for. A read applies nothing, so it can always be tried again."""
    match error:
        case Refused():
            return Rejected(code=error.code, message=error.message, details=error.details)
        case NotApplied():
            return Unavailable(reason=error.reason, retry_after=error.retry_after)
    reason = error.reason if isinstance(error, Uncertain) else f"{type(error).__name__} in the adapter"
    return Unavailable(reason=reason) if effect is Effect.READ else Unknown(reason=reason)
