"""How refusals are told over HTTP."""

from saga_coordinator.store.refusals import Refusal
from service_kit.http import Conflict, NotFound, Unprocessable
from service_kit.http.problems import Problem

# How refusals are answered; every other code is a conflict with the instance as it is (409).
NO_SUCH = frozenset({"NO_SUCH_INSTANCE"})
CANNOT = frozenset(
    {
        "IDEMPOTENCY_KEY_REUSED",
        "UNKNOWN_ELEMENT",
        "BUSINESS_KEY",
        "BAD_PAYLOAD",
        "BAD_OUTPUT",
        "NEEDS_ANSWER",
        "NO_INPUT",
        "NO_QUESTION",
        "NO_SUCH_FLOW",
        "NO_SUCH_VERSION",
    }
)
# Refusals that may begin with an id or an expression: those are told as they are written.
WRITTEN = frozenset(
    {
        "BAD_PAYLOAD",
        "BUSINESS_KEY",
        "CANNOT_BE_HANDLED",
        "CANNOT_MIGRATE",
        "NO_SUCH_FLOW",
        "NO_SUCH_PROCESS",
        "NO_SUCH_VERSION",
        "UNKNOWN_ELEMENT",
    }
)


def problem(refusal: Refusal) -> Problem:
    """The answer to whoever asked for what was refused: 404, 422 or 409 with the refusal's code."""
    more = {"existing_instance": refusal.existing_instance} if refusal.existing_instance else {}
    kind = NotFound if refusal.code in NO_SUCH else Unprocessable if refusal.code in CANNOT else Conflict
    return kind(f"{_begun_large(refusal)}.", code=refusal.code, more=more)


def _begun_large(refusal: Refusal) -> str:
    told = refusal.message
    return told if refusal.code in WRITTEN else f"{told[:1].upper()}{told[1:]}"
