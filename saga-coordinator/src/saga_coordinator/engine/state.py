"""What is true of an instance: a tree of scopes (by parent id), the steps that are open in them, and the log of
completed steps that recovery walks backwards.

Values are frozen; `InstanceState` owns the dictionaries that hold them. `fork` gives a copy that can be evolved without
touching the original: dictionaries are copied, values are shared.
"""

from enum import StrEnum
from typing import Any

import msgspec

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.table import copied, plain

ROOT = 1


class Phase(StrEnum):
    """Where an open step stands."""

    ENTERED = "entered"  # within a turn only
    EXECUTING = "executing"
    ACCEPTED = "accepted"
    BACKOFF = "backoff"
    PROBING = "probing"
    PROBE_WAIT = "probe-wait"
    WAITING = "waiting"
    INSIDE = "inside"
    CALLING = "calling"
    INCIDENT = "incident"


BUSY = frozenset({Phase.EXECUTING, Phase.PROBING, Phase.PROBE_WAIT, Phase.BACKOFF, Phase.ENTERED, Phase.CALLING})


class Step(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A token at a flow node, or an undo at work (`undoes` is then the completion order it undoes).

    `command` is the last execute command, `probe` the last probe; `lingers`: interrupted, waiting for its outcome;
    `unsure`: the last attempt of which nobody could tell whether it was applied; `inside`: the scope that it opened;
    `completed`: its work is done and only leaving is left; `held`: effects of earlier attempts that turned up while a
    later one is under way; `item`: which item of a multi-instance or round of a loop it is, from 1; `listens`: it is no
    token but the start event of an event sub-process that waits; `child`: the instance that a call activity runs, or
    that an undo undoes; `moves`: a token begins at its element when what lies between is undone.
    """

    id: int
    element: str
    scope: int
    phase: Phase = Phase.ENTERED
    via: str | None = None
    attempt: int = 0
    probes: int = 0
    command: f.CommandIssued | None = None
    probe: f.CommandIssued | None = None
    incident: f.IncidentRaised | None = None
    waits_for: str | None = None
    reference: str | None = None
    undoes: int | None = None
    handler: str | None = None
    inside: int | None = None
    lingers: bool = False
    unsure: int = 0
    accepted: bool = False
    completed: bool = False
    timers: tuple[int, ...] = ()
    subscriptions: tuple[int, ...] = ()
    conditions: tuple[int, ...] = ()
    held: tuple[f.LateEffectHeld, ...] = ()
    item: int | None = None
    listens: bool = False
    child: str | None = None
    calls: int = 0
    moves: bool = False

    @property
    def sent(self) -> f.CommandIssued:
        """The last execute command. Raises `LookupError` where none was issued."""
        if self.command is None:
            raise LookupError(f"step {self.id} has sent nothing")
        return self.command

    @property
    def undo_of(self) -> int:
        """The completion order that this step undoes. Raises `LookupError` where it is no undo."""
        if self.undoes is None:
            raise LookupError(f"step {self.id} undoes nothing")
        return self.undoes


class Timer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A timer that is set."""

    id: int
    step: int
    due: int
    purpose: str
    element: str | None = None
    repeat: str | None = None


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message (or, `signal`, a signal) that is awaited."""

    id: int
    step: int
    name: str
    key: str
    element: str
    signal: bool = False


class Condition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A condition that is watched. `held`: it was true when it was last looked at, so it has to become false before
    it can fire (again)."""

    id: int
    step: int
    element: str
    held: bool = False


class Rounds(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How far a multi-instance or loop is: `total` items (None: nobody knows yet), of which `begun` have begun and
    `done` are done; `open` is how many scopes of items there are. `values` are the elements of its collection,
    `results` what finished items gave, by item."""

    total: int | None = None
    begun: int = 0
    done: int = 0
    open: int = 0
    values: tuple[Any, ...] | None = None
    results: dict[int, Any] = {}


class Scope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The inside of the process or of a sub-process. `steps` are its open steps in order of entering, `listeners` its
    event sub-processes that wait; `closing`: it was interrupted and only lingering steps are left; `cancelled`: the
    transaction is undone, then left by its cancel event (`by`: the end event that said so). `rounds`: it is the inside
    of a multi-instance or loop, and holds the scopes of the items, which have their number in `item`."""

    id: int
    parent: int = 0
    step: int = 0
    element: str = ""
    variables: dict[str, Any] = {}
    steps: dict[int, None] = {}
    listeners: dict[int, None] = {}
    closing: bool = False
    cancelled: bool = False
    by: str | None = None
    rounds: Rounds | None = None
    item: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is at work inside."""
        return not self.steps and not (self.rounds is not None and self.rounds.open)


class Effect(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A completed step that can be (or would have to be) undone, or a completed sub-process (multi-instance) that has
    such steps `inside` its scope. `path`: the scopes it stands in, outermost first, without those of items; `snapshot`:
    the variables a drawn handler sees; `at`: when it completed (ms); `child`: the instance that a call
    activity ran, of which the newest `count` effects are meant (`finished`: it had completed). `output`, `references`:
    kept where an attempt of the step had been recorded absent, whose late reply may tell of the same document.
    `presumed`: nobody knows whether it happened."""

    order: int
    step: int
    element: str
    scope: int
    path: tuple[int, ...] = ()
    undo: f.PlannedUndo | None = None
    handler: str | None = None
    inside: int | None = None
    snapshot: dict[str, Any] = {}
    irreversible: bool = False
    undone: bool = False
    child: str | None = None
    count: int = 0
    finished: bool = True
    together: int | None = None
    at: int = 0
    output: Any = None
    references: dict[str, str] = {}
    presumed: bool = False

    @property
    def only_holds(self) -> bool:
        """Whether it is nothing to undo by itself, but has inside what is."""
        return self.undo is None and self.handler is None and not self.irreversible and self.child is None


class Compensation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Effects being undone one after another (or, in a scope that says so, together): `orders` are still to do,
    `active` are the undo steps at work, with what they undo. `awaits`, `within`: see `CompensationStarted`."""

    id: int
    orders: tuple[int, ...] = ()
    then: str | None = None
    step: int | None = None
    active: dict[int, int] = {}
    awaits: int | None = None
    within: int | None = None


class Parked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A token that waits at the door of `element` until the instance is resumed."""

    element: str
    scope: int
    via: str | None = None


class LockRequest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Locks that a step wants or (`taken`) holds. `holders`: who had them when it asked."""

    step: int
    names: tuple[str, ...]
    taken: bool = False
    holders: dict[str, str] = {}


class Absent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An attempt that a probe found not applied, kept in case its reply comes after all."""

    element: str
    scope: int
    command: f.CommandIssued


class InstanceState(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One saga. `seq` is the number of journal rows folded, `now` the time (ms) of the last of them. `suspensions`: the
    causes for which it is `suspended`."""

    id: str
    process: str = ""
    version: int = 0
    status: str = ""
    seq: int = 0
    now: int = 0
    counter: int = ROOT
    order: int = 0
    business_key: str | None = None
    digest: str | None = None
    traceparent: str | None = None
    parent: str | None = None
    parent_step: int = 0
    told: int = 0
    pivoted: bool = False
    suspended: bool = False
    suspensions: tuple[str, ...] = ()
    parked: tuple[Parked, ...] = ()
    held: tuple[int, ...] = ()
    erased: bool = False
    identifiers_erased: bool = False
    stopping: f.InstanceStopping | None = None
    scopes: dict[int, Scope] = {}
    steps: dict[int, Step] = {}
    timers: dict[int, Timer] = {}
    subscriptions: dict[int, Subscription] = {}
    conditions: dict[int, Condition] = {}
    log: dict[int, Effect] = {}
    compensations: dict[int, Compensation] = {}
    absents: dict[str, Absent] = {}
    incidents: dict[int, None] = {}
    locks: dict[int, LockRequest] = {}

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ("completed", "compensated", "cancelled", "failed")

    def fork(self) -> "InstanceState":
        """A copy to evolve; this one stays as it is."""
        return InstanceState(
            id=self.id,
            process=self.process,
            version=self.version,
            status=self.status,
            seq=self.seq,
            now=self.now,
            counter=self.counter,
            order=self.order,
            business_key=self.business_key,
            digest=self.digest,
            traceparent=self.traceparent,
            parent=self.parent,
            parent_step=self.parent_step,
            told=self.told,
            pivoted=self.pivoted,
            suspended=self.suspended,
            suspensions=self.suspensions,
            parked=self.parked,
            held=self.held,
            erased=self.erased,
            identifiers_erased=self.identifiers_erased,
            stopping=self.stopping,
            scopes=copied(self.scopes),
            steps=copied(self.steps),
            timers=copied(self.timers),
            subscriptions=copied(self.subscriptions),
            conditions=copied(self.conditions),
            log=copied(self.log),
            compensations=self.compensations.copy(),
            absents=self.absents.copy(),
            incidents=copied(self.incidents),
            locks=copied(self.locks),
        )

    def path(self, scope: int) -> tuple[int, ...]:
        """The scope and those around it, outermost first; those of items are left out."""
        chain: list[int] = []
        while scope:
            known = self.scopes[scope]
            if known.item is None:
                chain.append(scope)
            scope = known.parent
        return tuple(reversed(chain))

    def running_timers(self) -> list[Timer]:
        """The timers that have not become due while the instance is suspended."""
        return [timer for timer in self.timers.values() if timer.id not in self.held]

    def owner(self, scope: int) -> Step | None:
        """The step that the scope is the inside of; None for the process itself."""
        known = self.scopes.get(scope)
        return self.steps.get(known.step) if known is not None and scope != ROOT else None

    def variables(self, scope: int) -> dict[str, Any]:
        """The variables visible in `scope`: its own before those around it. Not to be changed."""
        own = self.scopes[scope]
        if not own.parent:
            return own.variables
        return {**self.variables(own.parent), **own.variables}


encoder = msgspec.json.Encoder(enc_hook=plain)  # for states: their large tables are no dictionaries


def open_calls(state: InstanceState) -> list[Step]:
    """Steps that wait for the instance that they called, or have one undone, oldest first."""
    return [
        step
        for step in state.steps.values()
        if step.child is not None and not step.completed and step.phase is not Phase.INCIDENT
    ]


def open_commands(state: InstanceState) -> list[f.CommandIssued]:
    """Commands that were issued and have no reply yet, oldest step first."""
    out = []
    for step in state.steps.values():
        if step.phase is Phase.EXECUTING and step.command is not None:
            out.append(step.command)
        elif step.phase is Phase.PROBING and step.probe is not None:
            out.append(step.probe)
    return out
