"""Commands and what became of them."""

from typing import Any

import msgspec

from saga_coordinator.engine.facts.told import Told


class StepWaiting(Told, frozen=True, kw_only=True, tag="step-waiting"):
    """The step rests until something happens: `waits_for` is person, message, timer, event, tokens,
    lock or choice."""

    step: int
    waits_for: str
    assignee: str | None = None
    candidate_groups: list[str] = []
    form: str | None = None


class CommandIssued(Told, frozen=True, kw_only=True, tag="command-issued"):
    """A connector is asked. `kind` is execute or probe; `timeout` in ms. The command's id is
    `{instance}.{step}.{attempt}` followed by `p{n}` for the n-th probe of that attempt. `safe_to_repeat`, `reads` and
    `probe` are what the operation declared (DESIGN 6)."""

    step: int
    command: str
    kind: str
    attempt: int
    operation: str
    system: str
    hub_key: str
    at: int
    timeout: int
    input: Any = None
    safe_to_repeat: bool = False
    reads: bool = False
    probe: bool = False
    seals: str | None = None
    verify: bool = False


class CommandDeferred(Told, frozen=True, kw_only=True, tag="command-deferred"):
    """The connector keeps the command, unsent, until (ms) the system may be used: only then its time begins."""

    step: int
    command: str
    until: int
    reason: str = ""


class CommandReleased(Told, frozen=True, kw_only=True, tag="command-released"):
    """The command had not been sent because its system was suspended. It is sent now, and its time begins."""

    step: int
    command: str
    at: int


class StepAccepted(Told, frozen=True, kw_only=True, tag="step-accepted"):
    """The system took it and will tell later."""

    step: int
    reference: str | None = None


class PlannedUndo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An undo, rendered when its effect completed. `never`: see `process.Undo`."""

    operation: str
    system: str
    input: Any = None
    safe_to_repeat: bool = True
    probe: bool = False
    timeout: int = 30_000
    never: list[str] = []


class StepCompleted(Told, frozen=True, kw_only=True, tag="step-completed"):
    """An activity did its work. `order` counts completions in this instance; `undo` is what undoes it (None:
    nothing to undo, or a drawn `handler` does). `irreversible`: it left an effect that nothing undoes. `late`: found
    after the step had been interrupted or recorded absent; a drawn handler then sees its variables in `own`. `body`:
    all items are done (`partial`: those that were still wanted); `together`: a scope whose effects may be undone at the
    same time. `presumed`: nobody knows whether it happened, so that it counts as if it had."""

    step: int
    element: str
    order: int
    scope: int | None = None
    output: Any = None
    references: dict[str, str] = {}
    step_class: str = "compensatable"
    undo: PlannedUndo | None = None
    handler: str | None = None
    irreversible: bool = False
    own: dict[str, Any] = {}
    late: bool = False
    by: str | None = None
    body: bool = False
    partial: bool = False
    together: int | None = None
    presumed: bool = False


class StepRejected(Told, frozen=True, kw_only=True, tag="step-rejected"):
    """A business refusal."""

    step: int
    code: str
    message: str = ""
    details: Any = None


class StepUnavailable(Told, frozen=True, kw_only=True, tag="step-unavailable"):
    """Not applied; `retry_at` is when the next attempt is due (None: the policy is exhausted). `unsure`: it may have
    been applied, and is repeated because that does no harm."""

    step: int
    attempt: int
    reason: str = ""
    retry_at: int | None = None
    unsure: bool = False


class StepUnknown(Told, frozen=True, kw_only=True, tag="step-unknown"):
    """Nobody knows yet whether it was applied."""

    step: int
    attempt: int
    reason: str = ""


class ProbeAnswered(Told, frozen=True, kw_only=True, tag="probe-answered"):
    """A probe's verdict: applied, pending, absent, several, impossible or unreachable."""

    step: int
    attempt: int
    verdict: str
    documents: list[str] = []


class ReplyIgnored(Told, frozen=True, kw_only=True, tag="reply-ignored"):
    """A reply came after its step was over and changes nothing; kept because it was told."""

    step: int
    command: str
    outcome: str
    reason: str


class LateEffectHeld(Told, frozen=True, kw_only=True, tag="late-effect-held"):
    """A command that a probe had found absent was applied after all, while a later attempt of the same step is under
    way: what becomes of it is decided when the outcome of that attempt is known."""

    step: int
    command: str
    output: Any = None
    references: dict[str, str] = {}


class LateEffectFound(Told, frozen=True, kw_only=True, tag="late-effect-found"):
    """A command that a probe had found absent was applied after all; `order` is its effect's completion order."""

    command: str
    order: int
    element: str


class InputIgnored(Told, frozen=True, kw_only=True, tag="input-ignored"):
    """An input that was late: its timer, subscription or step no longer exists."""

    reason: str
