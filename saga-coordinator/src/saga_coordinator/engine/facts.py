"""What happened: the journal's vocabulary.

Names are stable; a changed meaning gets a new name (`step-completed.2`). A fact carries every result that was computed
when it was decided (rendered inputs, outputs, due times), so that folding facts never evaluates anything.

Step ids, scope ids and timer ids come from one counter per instance. The root scope is always 1.
"""

from typing import Any

import msgspec


class _Fact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="fact"):
    pass


# -- the instance


class InstanceStarted(_Fact, frozen=True, kw_only=True, tag="instance-started"):
    """A saga began; the root scope (1) is open with these variables."""

    process: str
    version: int
    element: str
    variables: dict[str, Any] = {}
    business_key: str | None = None
    by: str | None = None
    digest: str | None = None
    traceparent: str | None = None
    parent: str | None = None
    parent_step: int = 0


class StatusChanged(_Fact, frozen=True, kw_only=True, tag="status-changed"):
    """The instance's status: running, waiting, compensating, incident, suspended, or a final one (completed,
    compensated, cancelled, failed)."""

    status: str


class VariablesMerged(_Fact, frozen=True, kw_only=True, tag="variables-merged"):
    """These top-level variables of `scope` have new values."""

    scope: int
    values: dict[str, Any]


# -- tokens


class Entered(_Fact, frozen=True, kw_only=True, tag="entered"):
    """A token arrived at flow node `element` of `scope` (by flow `via`); it is step `step` until it leaves. `body`: it
    is the activity as a whole, whose items enter for themselves (`item`, from 1)."""

    step: int
    element: str
    scope: int
    via: str | None = None
    item: int | None = None
    body: bool = False


class Left(_Fact, frozen=True, kw_only=True, tag="left"):
    """The step is over; tokens go out along `flows` (none: the token ends here)."""

    step: int
    flows: list[str] = []


class Joined(_Fact, frozen=True, kw_only=True, tag="joined"):
    """These waiting tokens were merged into `into`, which goes on."""

    steps: list[int]
    into: int


class Interrupted(_Fact, frozen=True, kw_only=True, tag="interrupted"):
    """The step was ended from outside (`by` names the element that did it). `lingers`: a command is out, so the
    step stays open, off the path, until a probe has told its outcome."""

    step: int
    by: str | None = None
    lingers: bool = False


# -- scopes


class ScopeOpened(_Fact, frozen=True, kw_only=True, tag="scope-opened"):
    """The inside of `step` (a sub-process, or an undo handler's snapshot) began. `item`: it is for one item."""

    scope: int
    parent: int
    step: int
    element: str
    variables: dict[str, Any] = {}
    item: int | None = None


class ScopeClosing(_Fact, frozen=True, kw_only=True, tag="scope-closing"):
    """The scope was interrupted; it is closed when the steps that linger in it are settled."""

    scope: int


class ScopeClosed(_Fact, frozen=True, kw_only=True, tag="scope-closed"):
    """Nothing is left inside the scope. `completed` is False where it was interrupted; its log stays for undo."""

    scope: int
    completed: bool = True


class ListenerOpened(_Fact, frozen=True, kw_only=True, tag="listener-opened"):
    """The event sub-process that begins with `element` waits for its event, as step `step` of `scope`."""

    step: int
    element: str
    scope: int


class ListenerClosed(_Fact, frozen=True, kw_only=True, tag="listener-closed"):
    """The event sub-process waits no more."""

    step: int


class TransactionCancelled(_Fact, frozen=True, kw_only=True, tag="transaction-cancelled"):
    """Everything inside is undone now; `by` is the cancel end event."""

    scope: int
    by: str


# -- multi-instances and loops


class RoundsPlanned(_Fact, frozen=True, kw_only=True, tag="rounds-planned"):
    """What is to be done several times in `scope`: `total` items (None: a loop), one for each of `values` if there is
    a collection."""

    scope: int
    total: int | None = None
    values: list[Any] | None = None


class RoundDone(_Fact, frozen=True, kw_only=True, tag="round-done"):
    """An item of `scope` is done; `result` goes into the list of results if there is one."""

    scope: int
    item: int
    result: Any = None


# -- commands and their outcomes


class StepWaiting(_Fact, frozen=True, kw_only=True, tag="step-waiting"):
    """The step rests until something happens: `waits_for` is person, message, timer, event, tokens,
    lock or choice."""

    step: int
    waits_for: str
    assignee: str | None = None
    candidate_groups: list[str] = []
    form: str | None = None


class CommandIssued(_Fact, frozen=True, kw_only=True, tag="command-issued"):
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


class CommandDeferred(_Fact, frozen=True, kw_only=True, tag="command-deferred"):
    """The connector keeps the command, unsent, until (ms) the system may be used: only then its time begins."""

    step: int
    command: str
    until: int
    reason: str = ""


class CommandReleased(_Fact, frozen=True, kw_only=True, tag="command-released"):
    """The command had not been sent because its system was suspended. It is sent now, and its time begins."""

    step: int
    command: str
    at: int


class StepAccepted(_Fact, frozen=True, kw_only=True, tag="step-accepted"):
    """The system took it and will tell later."""

    step: int
    reference: str | None = None


class PlannedUndo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An undo, rendered when its effect completed."""

    operation: str
    system: str
    input: Any = None
    safe_to_repeat: bool = True
    probe: bool = False
    timeout: int = 30_000


class StepCompleted(_Fact, frozen=True, kw_only=True, tag="step-completed"):
    """An activity did its work. `order` counts completions in this instance; `undo` is what undoes it (None:
    nothing to undo, or a drawn `handler` does). `irreversible`: it left an effect that nothing undoes. `late`: found
    after the step had been interrupted or recorded absent; a drawn handler then sees its variables in `own`. `body`:
    all items are done (`partial`: those that were still wanted); `together`: a scope whose effects may be undone at the
    same time."""

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


class StepRejected(_Fact, frozen=True, kw_only=True, tag="step-rejected"):
    """A business refusal."""

    step: int
    code: str
    message: str = ""
    details: Any = None


class StepUnavailable(_Fact, frozen=True, kw_only=True, tag="step-unavailable"):
    """Not applied; `retry_at` is when the next attempt is due (None: the policy is exhausted). `unsure`: it may have
    been applied, and is repeated because that does no harm."""

    step: int
    attempt: int
    reason: str = ""
    retry_at: int | None = None
    unsure: bool = False


class StepUnknown(_Fact, frozen=True, kw_only=True, tag="step-unknown"):
    """Nobody knows yet whether it was applied."""

    step: int
    attempt: int
    reason: str = ""


class ProbeAnswered(_Fact, frozen=True, kw_only=True, tag="probe-answered"):
    """A probe's verdict: applied, pending, absent, several, impossible or unreachable."""

    step: int
    attempt: int
    verdict: str
    documents: list[str] = []


class ReplyIgnored(_Fact, frozen=True, kw_only=True, tag="reply-ignored"):
    """A reply came after its step was over and changes nothing; kept because it was told."""

    step: int
    command: str
    outcome: str
    reason: str


class LateEffectHeld(_Fact, frozen=True, kw_only=True, tag="late-effect-held"):
    """A command that a probe had found absent was applied after all, while a later attempt of the same step is under
    way: what becomes of it is decided when the outcome of that attempt is known."""

    step: int
    command: str
    output: Any = None
    references: dict[str, str] = {}


class LateEffectFound(_Fact, frozen=True, kw_only=True, tag="late-effect-found"):
    """A command that a probe had found absent was applied after all; `order` is its effect's completion order."""

    command: str
    order: int
    element: str


class InputIgnored(_Fact, frozen=True, kw_only=True, tag="input-ignored"):
    """An input that was late: its timer, subscription or step no longer exists."""

    reason: str


# -- waiting


class TimerSet(_Fact, frozen=True, kw_only=True, tag="timer-set"):
    """Wake the instance at `due` (ms). `purpose`: event, boundary, retry, probe or deadline; `element` is the event
    element it fires."""

    timer: int
    step: int
    due: int
    purpose: str
    element: str | None = None
    repeat: str | None = None


class TimerCleared(_Fact, frozen=True, kw_only=True, tag="timer-cleared"):
    """The timer fired or is not needed any more."""

    timer: int
    fired: bool = False


class Subscribed(_Fact, frozen=True, kw_only=True, tag="subscribed"):
    """Waits for a message `name` with correlation `key` (or, `signal`, for a signal); `element` is the event element
    that it fires."""

    subscription: int
    step: int
    name: str
    key: str
    element: str
    signal: bool = False


class Unsubscribed(_Fact, frozen=True, kw_only=True, tag="unsubscribed"):
    """The message came or is not awaited any more."""

    subscription: int
    fired: bool = False


class ConditionWatched(_Fact, frozen=True, kw_only=True, tag="condition-watched"):
    """Waits for the condition of event `element` to become true."""

    condition: int
    step: int
    element: str


class ConditionChanged(_Fact, frozen=True, kw_only=True, tag="condition-changed"):
    """The condition is true (`held`) or false now."""

    condition: int
    held: bool


class ConditionDropped(_Fact, frozen=True, kw_only=True, tag="condition-dropped"):
    """The condition came true or is not awaited any more."""

    condition: int


class SignalThrown(_Fact, frozen=True, kw_only=True, tag="signal-thrown"):
    """Everybody who waits for the signal gets it. Whoever waits in this instance has it already."""

    step: int
    name: str
    payload: Any = None


class MessageThrown(_Fact, frozen=True, kw_only=True, tag="message-thrown"):
    """A message for whoever waits for `name` with `key`, once."""

    step: int
    name: str
    key: str = ""
    payload: Any = None


# -- semantic locks


class LocksRequested(_Fact, frozen=True, kw_only=True, tag="locks-requested"):
    """The step wants to hold these locks (sorted) before it begins; first come, first served."""

    step: int
    names: list[str]


class LocksBusy(_Fact, frozen=True, kw_only=True, tag="locks-busy"):
    """Who holds what the step waits for: instances by lock name."""

    step: int
    holders: dict[str, str]


class LocksTaken(_Fact, frozen=True, kw_only=True, tag="locks-taken"):
    """The instance holds these locks from now on, until it ends or the step's effect is undone."""

    step: int
    names: list[str]


class LocksReleased(_Fact, frozen=True, kw_only=True, tag="locks-released"):
    """The step's locks, or its request for them, are given up."""

    step: int
    names: list[str]


# -- errors, incidents, people


class ErrorThrown(_Fact, frozen=True, kw_only=True, tag="error-thrown"):
    """A BPMN error left `step`; `caught_by` is the event element that takes it, None: nobody."""

    step: int
    code: str
    message: str = ""
    caught_by: str | None = None


class EscalationThrown(_Fact, frozen=True, kw_only=True, tag="escalation-thrown"):
    """An escalation left `step`; `caught_by` is the event element that takes it, None: nobody here."""

    step: int
    code: str
    payload: Any = None
    caught_by: str | None = None


class IncidentRaised(_Fact, frozen=True, kw_only=True, tag="incident-raised"):
    """The step waits for a person. `code` is stable, `resume` says where a retry goes on."""

    step: int
    code: str
    message: str = ""
    resume: str = "again"
    output: Any = None
    references: dict[str, str] = {}


class IncidentResolved(_Fact, frozen=True, kw_only=True, tag="incident-resolved"):
    """Somebody dealt with it."""

    step: int
    by: str | None = None


class OperatorActed(_Fact, frozen=True, kw_only=True, tag="operator-acted"):
    """Who did what, and why. `before` and `after` are what the act replaced, and by what, where it names something: an
    input, variables, the place of a token, a version."""

    action: str
    by: str | None = None
    reason: str | None = None
    step: int | None = None
    evidence: str | None = None
    before: Any = None
    after: Any = None


class StepSkipped(_Fact, frozen=True, kw_only=True, tag="step-skipped"):
    """The step counts as done with this output, although it was not done."""

    step: int
    element: str
    output: Any = None


class MoveBegun(_Fact, frozen=True, kw_only=True, tag="move-begun"):
    """As soon as what lies between is undone, a token begins at `element`; it waits there as step `step`."""

    step: int
    element: str
    scope: int


class InstanceSuspended(_Fact, frozen=True, kw_only=True, tag="instance-suspended"):
    """Nothing begins from now on. `cause` names the suspension of the whole process; "": it is this instance's own."""

    cause: str = ""


class SuspensionLifted(_Fact, frozen=True, kw_only=True, tag="suspension-lifted"):
    """One cause of the suspension is gone; there are others."""

    cause: str


class InstanceResumed(_Fact, frozen=True, kw_only=True, tag="instance-resumed"):
    """The tokens that were parked and the timers that were held go on."""


class TokenParked(_Fact, frozen=True, kw_only=True, tag="token-parked"):
    """A token that would have gone to `element` waits until the instance is resumed."""

    element: str
    scope: int
    via: str | None = None


class TokensDropped(_Fact, frozen=True, kw_only=True, tag="tokens-dropped"):
    """The tokens that are parked in the scope are gone: it was interrupted."""

    scope: int


class TimerHeld(_Fact, frozen=True, kw_only=True, tag="timer-held"):
    """The timer was due while the instance was suspended."""

    timer: int


class DeadlinePassed(_Fact, frozen=True, kw_only=True, tag="deadline-passed"):
    """The step (0: the instance) has taken longer than it may."""

    step: int


class Migrated(_Fact, frozen=True, kw_only=True, tag="migrated"):
    """The instance goes on in another version; `elements` are those that have another id there."""

    version: int
    elements: dict[str, str] = {}


class ValuesErased(_Fact, frozen=True, kw_only=True, tag="values-erased"):
    """Every value that came from outside is gone, in all rows up to this one; `identifiers`: the business key and the
    numbers of documents, too. What comes later is not kept either."""

    identifiers: bool = False


# -- recovery


class InstanceStopping(_Fact, frozen=True, kw_only=True, tag="instance-stopping"):
    """Nothing new starts any more. When every command's outcome is known and (if `undo`) every effect is undone, the
    instance takes the final status `then`. `code`: a child ends with this error, which its caller has to catch;
    `partial`: it undoes only what its caller asked for."""

    then: str
    undo: bool = True
    reason: str = ""
    code: str | None = None
    partial: bool = False


class CompensationStarted(_Fact, frozen=True, kw_only=True, tag="compensation-started"):
    """Completed steps are being undone, in the order given by `orders` (their completion orders, newest first).
    `then` is the final status to take afterwards, or None where `step` (a compensation throw) goes on instead."""

    compensation: int
    orders: list[int]
    then: str | None = None
    step: int | None = None
    reason: str = ""


class UndoStarted(_Fact, frozen=True, kw_only=True, tag="undo-started"):
    """The effect with completion order `order` (activity `element`) is being undone by step `step`; `handler` is the
    drawn handler that does it, None: the declared undo operation."""

    step: int
    order: int
    element: str
    scope: int
    handler: str | None = None


class Undone(_Fact, frozen=True, kw_only=True, tag="undone"):
    """The effect is gone. `null`: there was nothing to undo."""

    order: int
    element: str
    step: int | None = None
    null: bool = False


class CompensationEnded(_Fact, frozen=True, kw_only=True, tag="compensation-ended"):
    """Every effect it was for is undone."""

    compensation: int


# -- call activities


class ChildCalled(_Fact, frozen=True, kw_only=True, tag="child-called"):
    """Step `step` runs process `process` as instance `child`, with these variables. `call` counts the tries."""

    step: int
    child: str
    process: str
    call: int = 1
    variables: dict[str, Any] = {}


class ChildTold(_Fact, frozen=True, kw_only=True, tag="child-told"):
    """The child has to do something: `what` is stop (no undo), undo (until `left` of its effects are
    left), suspend or resume."""

    step: int
    child: str
    what: str
    left: int = 0


class ChildEffectsKept(_Fact, frozen=True, kw_only=True, tag="child-effects-kept"):
    """The newest `count` effects that `child` has left (until `at`, ms) can be undone as effect `order` of this
    instance. `finished`: the child had completed."""

    step: int
    element: str
    order: int
    scope: int
    child: str
    count: int
    at: int
    finished: bool = True


class PivotPassed(_Fact, frozen=True, kw_only=True, tag="pivot-passed"):
    """The instance that `step` called is past its point of no return, and with it this one."""

    step: int


class ParentTold(_Fact, frozen=True, kw_only=True, tag="parent-told"):
    """The instance that called this one learns what became of it: `outcome` is completed, failed (with `code`),
    cancelled, compensated, or (goes on) escalated or pivoted. `times`: when (ms) it did what is left of it, newest
    first."""

    number: int
    parent: str
    step: int
    outcome: str
    code: str | None = None
    message: str = ""
    output: Any = None
    times: list[int] = []
    pivoted: bool = False


Fact = (
    InstanceStarted
    | InstanceStopping
    | StepWaiting
    | StatusChanged
    | VariablesMerged
    | Entered
    | Left
    | Joined
    | Interrupted
    | ScopeOpened
    | ScopeClosing
    | ScopeClosed
    | ListenerOpened
    | ListenerClosed
    | TransactionCancelled
    | RoundsPlanned
    | RoundDone
    | CommandIssued
    | CommandDeferred
    | CommandReleased
    | StepAccepted
    | StepCompleted
    | StepRejected
    | StepUnavailable
    | StepUnknown
    | ProbeAnswered
    | ReplyIgnored
    | InputIgnored
    | LateEffectFound
    | LateEffectHeld
    | TimerSet
    | TimerCleared
    | Subscribed
    | Unsubscribed
    | ConditionWatched
    | ConditionChanged
    | ConditionDropped
    | SignalThrown
    | MessageThrown
    | LocksRequested
    | LocksBusy
    | LocksTaken
    | LocksReleased
    | ErrorThrown
    | EscalationThrown
    | IncidentRaised
    | IncidentResolved
    | OperatorActed
    | StepSkipped
    | MoveBegun
    | InstanceSuspended
    | SuspensionLifted
    | InstanceResumed
    | TokenParked
    | TokensDropped
    | TimerHeld
    | DeadlinePassed
    | Migrated
    | ValuesErased
    | CompensationStarted
    | UndoStarted
    | Undone
    | CompensationEnded
    | ChildCalled
    | ChildTold
    | ChildEffectsKept
    | PivotPassed
    | ParentTold
)
