"""Errors, incidents, and what people do about them."""

from typing import Any

from saga_coordinator.engine.facts.told import Told


class ErrorThrown(Told, frozen=True, kw_only=True, tag="error-thrown"):
    """A BPMN error left `step`; `caught_by` is the event element that takes it, None: nobody."""

    step: int
    code: str
    message: str = ""
    caught_by: str | None = None


class EscalationThrown(Told, frozen=True, kw_only=True, tag="escalation-thrown"):
    """An escalation left `step`; `caught_by` is the event element that takes it, None: nobody here."""

    step: int
    code: str
    payload: Any = None
    caught_by: str | None = None


class IncidentRaised(Told, frozen=True, kw_only=True, tag="incident-raised"):
    """The step waits for a person. `code` is stable, `resume` says where a retry goes on."""

    step: int
    code: str
    message: str = ""
    resume: str = "again"
    output: Any = None
    references: dict[str, str] = {}


class IncidentResolved(Told, frozen=True, kw_only=True, tag="incident-resolved"):
    """Somebody dealt with it."""

    step: int
    by: str | None = None


class OperatorActed(Told, frozen=True, kw_only=True, tag="operator-acted"):
    """Who did what, and why. `before` and `after` are what the act replaced, and by what, where it names something: an
    input, variables, the place of a token, a version."""

    action: str
    by: str | None = None
    reason: str | None = None
    step: int | None = None
    evidence: str | None = None
    before: Any = None
    after: Any = None


class StepSkipped(Told, frozen=True, kw_only=True, tag="step-skipped"):
    """The step counts as done with this output, although it was not done."""

    step: int
    element: str
    output: Any = None


class MoveBegun(Told, frozen=True, kw_only=True, tag="move-begun"):
    """As soon as what lies between is undone, a token begins at `element`; it waits there as step `step`."""

    step: int
    element: str
    scope: int


class InstanceSuspended(Told, frozen=True, kw_only=True, tag="instance-suspended"):
    """Nothing begins from now on. `cause` names the suspension of the whole process; "": it is this instance's own."""

    cause: str = ""


class SuspensionLifted(Told, frozen=True, kw_only=True, tag="suspension-lifted"):
    """One cause of the suspension is gone; there are others."""

    cause: str


class InstanceResumed(Told, frozen=True, kw_only=True, tag="instance-resumed"):
    """The tokens that were parked and the timers that were held go on."""


class TokenParked(Told, frozen=True, kw_only=True, tag="token-parked"):
    """A token that would have gone to `element` waits until the instance is resumed."""

    element: str
    scope: int
    via: str | None = None


class TokensDropped(Told, frozen=True, kw_only=True, tag="tokens-dropped"):
    """The tokens that are parked in the scope are gone: it was interrupted."""

    scope: int


class TimerHeld(Told, frozen=True, kw_only=True, tag="timer-held"):
    """The timer was due while the instance was suspended."""

    timer: int


class DeadlinePassed(Told, frozen=True, kw_only=True, tag="deadline-passed"):
    """The step (0: the instance) has taken longer than it may."""

    step: int


class Migrated(Told, frozen=True, kw_only=True, tag="migrated"):
    """The instance goes on in another version; `elements` are those that have another id there."""

    version: int
    elements: dict[str, str] = {}


class ValuesErased(Told, frozen=True, kw_only=True, tag="values-erased"):
    """Every value that came from outside is gone, in all rows up to this one; `identifiers`: the business key and the
    numbers of documents, too. What comes later is not kept either."""

    identifiers: bool = False
