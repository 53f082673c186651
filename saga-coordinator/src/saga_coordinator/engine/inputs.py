"""What reaches an instance. Each input has an id that is unique in its instance's journal, and the time (`at`, ms since
the epoch by the store's clock) at which the coordinator took it; the sender leaves `at` 0.

Inputs travel on lanes as CloudEvents of type `throughline.input.v1`, and are kept in the journal beside their facts.
"""

from typing import Any

import msgspec


class _Input(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="input"):
    id: str
    instance: str
    at: int = 0


class Start(_Input, frozen=True, kw_only=True, tag="start"):
    """Begin. `element` is the start event (None: the only none start event); `payload` is an event's data,
    `traceparent` the W3C trace that the instance goes on with, `parent` the instance whose step calls this one.
    `suspended`: it begins suspended, because of this (see `Suspend.cause`)."""

    process: str
    version: int
    element: str | None = None
    variables: dict[str, Any] = {}
    payload: Any = None
    business_key: str | None = None
    by: str | None = None
    digest: str | None = None
    traceparent: str | None = None
    parent: str | None = None
    parent_step: int = 0
    suspended: str | None = None


class CompletedOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="completed"):
    """Applied."""

    output: Any = None
    references: dict[str, str] = {}


class AcceptedOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="accepted"):
    """The system took it and will tell later."""

    reference: str | None = None


class RejectedOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="rejected"):
    """Business refusal: certainly not applied."""

    code: str
    message: str = ""
    details: Any = None


class UnavailableOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="unavailable"):
    """Certainly not applied, may work later."""

    reason: str = ""
    retry_after: float | None = None


class UnknownOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="unknown"):
    """May or may not be applied."""

    reason: str = ""


class ProbedOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="probed"):
    """What a probe found: applied, pending, absent, several or impossible."""

    verdict: str
    output: Any = None
    references: dict[str, str] = {}
    documents: list[str] = []


class DeferredOutcome(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="deferred"):
    """No outcome yet: the connector keeps the command until (ms) the system may be used."""

    until: int
    reason: str = ""


Outcome = (
    CompletedOutcome
    | AcceptedOutcome
    | RejectedOutcome
    | UnavailableOutcome
    | UnknownOutcome
    | ProbedOutcome
    | DeferredOutcome
)


class Reply(_Input, frozen=True, kw_only=True, tag="reply"):
    """A connector's answer to `command`. The wire's `Reply` plus `at`; the same field names."""

    command: str
    step: int
    attempt: int = 0
    outcome: Outcome


class TimerDue(_Input, frozen=True, kw_only=True, tag="timer-due"):
    """A timer of this instance is due."""

    timer: int


class MessageArrived(_Input, frozen=True, kw_only=True, tag="message-arrived"):
    """A message that the runtime correlated with the subscription `subscription` of this instance."""

    subscription: int
    name: str
    payload: Any = None


class SignalArrived(_Input, frozen=True, kw_only=True, tag="signal-arrived"):
    """A signal was thrown somewhere that the subscription `subscription` of this instance is for."""

    subscription: int
    name: str
    payload: Any = None


class ChildReported(_Input, frozen=True, kw_only=True, tag="child-reported"):
    """The instance `child` that `step` called tells what became of it: completed, failed, cancelled, compensated,
    escalated or pivoted (and goes on), or refused (it could not begin). `times`: when it did what can be undone,
    newest first."""

    step: int
    child: str
    outcome: str
    code: str | None = None
    message: str = ""
    output: Any = None
    times: list[int] = []
    pivoted: bool = False


class ParentAsked(_Input, frozen=True, kw_only=True, tag="parent-asked"):
    """The caller of this instance wants it to stop (as it is), to undo its newest effects until `left` are left, to
    suspend or to resume (`what`). Asked twice it does no more than asked once."""

    what: str
    left: int = 0


class CompleteStep(_Input, frozen=True, kw_only=True, tag="complete-step"):
    """Somebody finished an open step by hand (a user task, or an accepted step whose result arrived otherwise)."""

    step: int
    output: Any = None
    by: str | None = None


class Retry(_Input, frozen=True, kw_only=True, tag="retry"):
    """Operator: try the step with an incident again (None: every incident). `expected_seq`: refused if the instance
    has moved. `happened` answers an unknown outcome for which there is no probe; `edited` replaces what the
    system is asked for."""

    step: int | None = None
    happened: bool | None = None
    output: Any = None
    edited: Any = None
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Skip(_Input, frozen=True, kw_only=True, tag="skip"):
    """Operator: the step counts as done with this output."""

    step: int
    output: Any = None
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Move(_Input, frozen=True, kw_only=True, tag="move"):
    """Operator: the token at the step goes to the flow node `to` of the same level, forward or back; `undo`: what lies
    between is undone first. `variables` have new values then."""

    step: int
    to: str
    undo: bool = False
    variables: dict[str, Any] = {}
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class ByHand(_Input, frozen=True, kw_only=True, tag="by-hand"):
    """Operator: what this undo could not undo was undone by hand; `evidence` says where that can be seen."""

    step: int
    reason: str
    evidence: str
    by: str | None = None
    expected_seq: int | None = None


class Suspend(_Input, frozen=True, kw_only=True, tag="suspend"):
    """Operator: nothing begins in this instance until it is resumed. `cause` names a suspension of its whole process;
    "": it is only about this instance."""

    cause: str = ""
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Resume(_Input, frozen=True, kw_only=True, tag="resume"):
    """Operator: the instance goes on. With a `cause`, only that one is gone: it goes on if there is no other."""

    cause: str | None = None
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Migrate(_Input, frozen=True, kw_only=True, tag="migrate"):
    """Operator: the instance goes on in the version with which it is decided; `elements` maps ids that differ there."""

    version: int
    elements: dict[str, str] = {}
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Cancel(_Input, frozen=True, kw_only=True, tag="cancel"):
    """Operator: stop the instance; `undo` says whether completed steps are undone first."""

    undo: bool = True
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Erase(_Input, frozen=True, kw_only=True, tag="erase"):
    """Operator: forget the values of an instance that has ended, and keep what happened. `identifiers`: its business
    key and the numbers of its documents, too. `of`: the caller with whose values a child's go."""

    identifiers: bool = False
    of: str | None = None
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class SetVariables(_Input, frozen=True, kw_only=True, tag="set-variables"):
    """Operator: these variables have new values, in the scope of the open step `step` (None: of the process)."""

    values: dict[str, Any]
    step: int | None = None
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class Throw(_Input, frozen=True, kw_only=True, tag="throw"):
    """Somebody who works on the open step says that it cannot be done (`error`, with a BPMN error's code), or that
    others have to know (an escalation)."""

    step: int
    code: str
    error: bool = True
    message: str = ""
    payload: Any = None
    by: str | None = None


class FireEvent(_Input, frozen=True, kw_only=True, tag="fire-event"):
    """Operator: the event `element`, for which the open step waits (or on whose border it is), happens now."""

    step: int
    element: str
    payload: Any = None
    by: str | None = None
    reason: str | None = None
    expected_seq: int | None = None


class ChooseFlows(_Input, frozen=True, kw_only=True, tag="choose-flows"):
    """Somebody decides for a gateway whose conditions could not: the tokens leave along `flows`."""

    step: int
    flows: list[str]
    by: str | None = None


class LocksGranted(_Input, frozen=True, kw_only=True, tag="locks-granted"):
    """The store gave the step every lock that it asked for."""

    step: int


class LocksBusy(_Input, frozen=True, kw_only=True, tag="locks-busy"):
    """Some of the locks that the step asked for are held: `holders` are instances by lock name."""

    step: int
    holders: dict[str, str]


class CommandFreed(_Input, frozen=True, kw_only=True, tag="command-freed"):
    """The system that `command` is for was suspended, and is not any more: the command may go out now."""

    step: int
    command: str


class Failed(_Input, frozen=True, kw_only=True, tag="failed"):
    """Another input of this instance could not be handled and is a dead letter now. `step`: whose it was."""

    step: int | None = None
    reason: str = ""


class Nudge(_Input, frozen=True, kw_only=True, tag="nudge"):
    """The sweep: look for commands without a reply past their time."""


Input = (
    Start
    | Reply
    | TimerDue
    | MessageArrived
    | SignalArrived
    | ChildReported
    | ParentAsked
    | SetVariables
    | Throw
    | FireEvent
    | CompleteStep
    | Retry
    | Skip
    | Move
    | ByHand
    | Suspend
    | Resume
    | Migrate
    | Cancel
    | Erase
    | ChooseFlows
    | LocksGranted
    | LocksBusy
    | CommandFreed
    | Failed
    | Nudge
)

INPUT_TYPE = "throughline.input.v1"
