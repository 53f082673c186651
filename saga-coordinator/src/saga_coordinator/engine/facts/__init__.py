"""What happened: the journal's vocabulary.

Names are stable; a changed meaning gets a new name (`step-completed.2`). A fact carries every result that was computed
when it was decided (rendered inputs, outputs, due times), so that folding facts never evaluates anything.

Step ids, scope ids and timer ids come from one counter per instance. The root scope is always 1.
"""

from saga_coordinator.engine.facts.calls import (
    ChildCalled,
    ChildEffectsKept,
    ChildTold,
    ParentTold,
    PivotPassed,
)
from saga_coordinator.engine.facts.outcomes import (
    CommandDeferred,
    CommandIssued,
    CommandReleased,
    InputIgnored,
    LateEffectFound,
    LateEffectHeld,
    PlannedUndo,
    ProbeAnswered,
    ReplyIgnored,
    StepAccepted,
    StepCompleted,
    StepRejected,
    StepUnavailable,
    StepUnknown,
    StepWaiting,
)
from saga_coordinator.engine.facts.people import (
    DeadlinePassed,
    ErrorThrown,
    EscalationThrown,
    IncidentRaised,
    IncidentResolved,
    InstanceResumed,
    InstanceSuspended,
    Migrated,
    MoveBegun,
    OperatorActed,
    StepSkipped,
    SuspensionLifted,
    TimerHeld,
    TokenParked,
    TokensDropped,
    ValuesErased,
)
from saga_coordinator.engine.facts.recovery import (
    CompensationEnded,
    CompensationStarted,
    InstanceStopping,
    Undone,
    UndoStarted,
)
from saga_coordinator.engine.facts.scopes import (
    ListenerClosed,
    ListenerOpened,
    RoundDone,
    RoundsPlanned,
    ScopeClosed,
    ScopeClosing,
    ScopeOpened,
    TransactionCancelled,
)
from saga_coordinator.engine.facts.tokens import (
    Entered,
    InstanceStarted,
    Interrupted,
    Joined,
    Left,
    StatusChanged,
    VariablesMerged,
)
from saga_coordinator.engine.facts.waits import (
    ConditionChanged,
    ConditionDropped,
    ConditionWatched,
    LocksBusy,
    LocksReleased,
    LocksRequested,
    LocksTaken,
    MessageThrown,
    SignalThrown,
    Subscribed,
    TimerCleared,
    TimerSet,
    Unsubscribed,
)

__all__ = [
    "ChildCalled",
    "ChildEffectsKept",
    "ChildTold",
    "CommandDeferred",
    "CommandIssued",
    "CommandReleased",
    "CompensationEnded",
    "CompensationStarted",
    "ConditionChanged",
    "ConditionDropped",
    "ConditionWatched",
    "DeadlinePassed",
    "Entered",
    "ErrorThrown",
    "EscalationThrown",
    "Fact",
    "IncidentRaised",
    "IncidentResolved",
    "InputIgnored",
    "InstanceResumed",
    "InstanceStarted",
    "InstanceStopping",
    "InstanceSuspended",
    "Interrupted",
    "Joined",
    "LateEffectFound",
    "LateEffectHeld",
    "Left",
    "ListenerClosed",
    "ListenerOpened",
    "LocksBusy",
    "LocksReleased",
    "LocksRequested",
    "LocksTaken",
    "MessageThrown",
    "Migrated",
    "MoveBegun",
    "OperatorActed",
    "ParentTold",
    "PivotPassed",
    "PlannedUndo",
    "ProbeAnswered",
    "ReplyIgnored",
    "RoundDone",
    "RoundsPlanned",
    "ScopeClosed",
    "ScopeClosing",
    "ScopeOpened",
    "SignalThrown",
    "StatusChanged",
    "StepAccepted",
    "StepCompleted",
    "StepRejected",
    "StepSkipped",
    "StepUnavailable",
    "StepUnknown",
    "StepWaiting",
    "Subscribed",
    "SuspensionLifted",
    "TimerCleared",
    "TimerHeld",
    "TimerSet",
    "TokenParked",
    "TokensDropped",
    "TransactionCancelled",
    "UndoStarted",
    "Undone",
    "Unsubscribed",
    "ValuesErased",
    "VariablesMerged",
]

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
