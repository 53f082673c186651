"""A parsed process: what the engine walks over. Values only, made by `saga_coordinator.bpmn`.

Everything that an installation decides (operations of the catalogue, compiled expressions) is resolved into these
values when a process is deployed, so that the engine needs nothing but a `Process`, a state and an input.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec


class Kind(StrEnum):
    """Kinds of flow node, by their BPMN names."""

    START_EVENT = "startEvent"
    END_EVENT = "endEvent"
    CATCH_EVENT = "intermediateCatchEvent"
    THROW_EVENT = "intermediateThrowEvent"
    BOUNDARY_EVENT = "boundaryEvent"
    TASK = "task"
    MANUAL_TASK = "manualTask"
    SERVICE_TASK = "serviceTask"
    SEND_TASK = "sendTask"
    SCRIPT_TASK = "scriptTask"
    USER_TASK = "userTask"
    RECEIVE_TASK = "receiveTask"
    BUSINESS_RULE_TASK = "businessRuleTask"
    SUB_PROCESS = "subProcess"
    TRANSACTION = "transaction"
    CALL_ACTIVITY = "callActivity"
    EXCLUSIVE_GATEWAY = "exclusiveGateway"
    PARALLEL_GATEWAY = "parallelGateway"
    INCLUSIVE_GATEWAY = "inclusiveGateway"
    EVENT_GATEWAY = "eventBasedGateway"


class Trigger(StrEnum):
    """Event definitions, by their BPMN names without `EventDefinition`."""

    NONE = "none"
    MESSAGE = "message"
    TIMER = "timer"
    ERROR = "error"
    TERMINATE = "terminate"
    COMPENSATE = "compensate"
    SIGNAL = "signal"
    ESCALATION = "escalation"
    CONDITIONAL = "conditional"
    LINK = "link"
    CANCEL = "cancel"


class StepClass(StrEnum):
    """What recovery may do with a step (DESIGN 7)."""

    COMPENSATABLE = "compensatable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"
    READ = "read"


class Expression(Protocol):
    """A compiled expression. Raises `ExpressionFailed` (any exception becomes an incident)."""

    @property
    def source(self) -> str:
        """Its text."""

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """Evaluate on `data`; undefined is None. `bindings` become `$name`; `now` is the input's time (ms)."""


class FieldMapping(msgspec.Struct, frozen=True):
    """One `tl:input` or `tl:output`: the value of `source` is put at the dotted path `target` ("" = all)."""

    target: str
    source: Expression


class TimerKind(StrEnum):
    """The three forms of a timer event definition."""

    DATE = "timeDate"
    DURATION = "timeDuration"
    CYCLE = "timeCycle"


class Timetable(Protocol):
    """What only an installation knows about time: cron in its time zone, working time of its calendars."""

    def next(self, text: str, after: int) -> int:
        """When a timer that says `text` is due after `after` (both ms). Raises `ValueError` or `OverflowError`."""


class TimerDefinition(msgspec.Struct, frozen=True):
    """When a timer fires: a text (or an expression that gives it) in ISO 8601, or what the `timetable` reads."""

    kind: TimerKind
    text: str
    expression: Expression | None = None
    timetable: Timetable | None = None


class EventDefinition(msgspec.Struct, frozen=True):
    """What an event waits for or throws. `name` is the message, signal or link name (the event's id where it has
    none); `code` the error or escalation code, None on a catching event that takes any; `target` the activity that a
    compensation throw is for (None: all of its scope), or the catching end of a link; `waits`: the compensation throw
    goes on when everything is undone."""

    trigger: Trigger
    name: str = ""
    code: str | None = None
    correlation: Expression | None = None
    timer: TimerDefinition | None = None
    condition: Expression | None = None
    target: str | None = None
    waits: bool = True


class Retry(msgspec.Struct, frozen=True):
    """Retry policy for `unavailable` (and `absent`): attempts in all, first wait and ceiling in ms."""

    attempts: int = 10
    first: int = 1_000
    ceiling: int = 300_000
    factor: float = 2.0


class Operation(msgspec.Struct, frozen=True):
    """An operation as the engine needs it: resolved from the catalogue at deployment.

    `safe_to_repeat` is true for reads and idempotent operations. `undo` is None where nothing can be undone.
    """

    name: str
    system: str
    safe_to_repeat: bool = False
    reads: bool = False
    probe: bool = False
    timeout: int = 30_000
    settle: int = 0
    undo: "Undo | None" = None


class Undo(msgspec.Struct, frozen=True):
    """How an effect is undone: `input` is evaluated over {"input", "output", "references"} at completion. Refused with
    a code in `never` there is nothing to undo, provided that nobody knows whether the effect had happened."""

    operation: Operation
    input: Expression | None = None
    inputs: tuple[FieldMapping, ...] = ()
    never: tuple[str, ...] = ()


class Lock(msgspec.Struct, frozen=True):
    """A semantic lock: `key` gives the name of a business object (`so:4500012`) or a list of names; `patience` is how
    long (ms) the step waits for it before a person is asked."""

    key: Expression
    patience: int = 3_600_000


class Iteration(StrEnum):
    """The ways to do an activity several times."""

    PARALLEL = "parallel"
    SEQUENTIAL = "sequential"
    LOOP = "loop"


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """A multi-instance or standard loop marker (BPMN 2.0, 10.3.8, 13.3.6 and 13.3.7).

    A multi-instance has as many items as `cardinality` says, or as the list `collection` has; each sees its element as
    the variable `item`. `done` ends it early. With `result`, the value of `output` on each item's variables is put
    into a list of that name. A standard loop goes on while `condition` holds, at most `most` times.
    """

    iteration: Iteration
    cardinality: Expression | None = None
    collection: Expression | None = None
    item: str = ""
    done: Expression | None = None
    result: str = ""
    output: Expression | None = None
    condition: Expression | None = None
    tests_before: bool = False
    most: int | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Execution details of an activity. `timeout` is how long a system may take to answer, `deadline` how long the step
    may take in all, whoever it waits for (ms)."""

    operation: Operation | None = None
    inputs: tuple[FieldMapping, ...] = ()
    outputs: tuple[FieldMapping, ...] = ()
    retry: Retry = Retry()
    step_class: StepClass = StepClass.COMPENSATABLE
    timeout: int | None = None
    deadline: int | None = None
    undo: Undo | None = None
    lock: Lock | None = None
    script: Expression | None = None
    decision: Expression | None = None
    result: str = ""
    assignee: Expression | None = None
    candidate_groups: tuple[str, ...] = ()
    form: str | None = None


class Flow(msgspec.Struct, frozen=True):
    """A sequence flow."""

    id: str
    source: str
    target: str
    condition: Expression | None = None


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """A flow node. `parent` is the id of the sub-process (or the process) that contains it; `boundary` are the
    boundary events attached to it in file order; `handler` is the drawn compensation handler associated with it (the
    one inside it, where an event sub-process compensates it); `body` is the inside of a sub-process, `loop` says that
    the activity is done several times, `takes_all` that an event-based gateway which begins instances waits for all its
    events, `called` which process a call activity runs. `upstream` of an inclusive join:
    for each incoming flow, the flow nodes from which a token can still come along it without passing the gateway;
    `direct`: the same over sequence flows alone."""

    id: str
    kind: Kind
    name: str = ""
    parent: str = ""
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    default: str | None = None
    event: EventDefinition | None = None
    task: Task | None = None
    boundary: tuple[str, ...] = ()
    attached_to: str | None = None
    interrupting: bool = True
    handler: str | None = None
    is_for_compensation: bool = False
    instantiate: bool = False
    takes_all: bool = False
    by_event: bool = False
    body: "Body | None" = None
    loop: Loop | None = None
    called: str | None = None
    upstream: tuple[frozenset[str], ...] = ()
    direct: tuple[frozenset[str], ...] = ()


class Body(msgspec.Struct, frozen=True):
    """The flow nodes directly inside a process or sub-process, by id, in file order. `listeners` are the start events
    of its event sub-processes, without the one (`handler`) that compensates it."""

    elements: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()
    handler: str | None = None
    parallel_undo: bool = False


class BusinessKey(msgspec.Struct, frozen=True):
    """How a process's instances are named and arbitrated (DESIGN 7): a key is unique among `open` instances, among
    those that are open or `completed`, or for `ever`."""

    expression: Expression | None = None
    policy: str = "reject"
    scope: str = "open"

    def is_released(self, final: str) -> bool:
        """Whether another instance may have the key once one has ended with this status."""
        return self.scope == "open" or (self.scope == "completed" and final != "completed")


class Retention(msgspec.Struct, frozen=True):
    """What becomes of ended instances; None: what the installation says. They are purged `after` a time (ISO 8601, or
    `never`), their journal kept in a file before if `archive`, and their keys stand for `keys` (or `ever`)."""

    after: str | None = None
    archive: bool | None = None
    keys: str | None = None


class SecretFields(msgspec.Struct, frozen=True):
    """Dotted paths of an operation's input and output that its schemas mark as secret (`*`: any name)."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class Deadline(msgspec.Struct, frozen=True):
    """How long an instance may take (ms); late, it is undone (`undo`) or a person is told."""

    after: int
    undo: bool = False


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """An executable process: every flow node and flow of every depth by id. `joins` are the inclusive gateways that
    merge; `undoes_together`: some level of it has `parallel_undo`; `secrets` are dotted paths of variables,
    `secret_fields` go by operation; the engine itself knows no secrets."""

    id: str
    name: str = ""
    version: int = 1
    elements: dict[str, Element] = {}
    flows: dict[str, Flow] = {}
    body: Body = Body()
    joins: tuple[str, ...] = ()
    undoes_together: bool = False
    business_key: BusinessKey = BusinessKey()
    deadline: Deadline | None = None
    retention: Retention = Retention()
    secrets: tuple[str, ...] = ()
    secret_fields: dict[str, SecretFields] = {}


class Unevaluable(Exception):
    """A condition is there, but this installation cannot evaluate it: somebody has to choose."""
