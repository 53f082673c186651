"""What is true after a fact. Never fails on a fact that was decided, never evaluates anything."""

from collections.abc import Callable, Iterable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolving import erasure, migration, outcomes, scopes, tokens, undoing, waits
from saga_coordinator.engine.state import InstanceState


def evolve(state: InstanceState, fact: f.Fact) -> InstanceState:
    """The state after `fact`; `state` itself does not change."""
    after = state.fork()
    apply(after, fact)
    return after


def fold(state: InstanceState, facts: Iterable[f.Fact], *, seq: int, at: int) -> InstanceState:
    """The state after journal row `seq`, taken at `at` (ms). `state` itself does not change."""
    after = state.fork()
    after.seq = seq
    after.now = max(after.now, at)
    for fact in facts:
        apply(after, fact)
    return after


def apply(state: InstanceState, fact: f.Fact) -> None:
    """Evolve a state that the caller owns (a fork), in place."""
    _APPLY[type(fact)](state, fact)


def _nothing(state: InstanceState, fact: f.Fact) -> None:
    """The fact is told for people and for other systems; it changes nothing that is decided on."""


_TOLD = (
    f.ReplyIgnored,
    f.InputIgnored,
    f.ErrorThrown,
    f.EscalationThrown,
    f.OperatorActed,
    f.StepSkipped,
    f.DeadlinePassed,
    f.SignalThrown,
    f.MessageThrown,
    f.ChildTold,
)
_APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    **dict.fromkeys(_TOLD, _nothing),
    **tokens.APPLY,
    **scopes.APPLY,
    **outcomes.APPLY,
    **waits.APPLY,
    **undoing.APPLY,
    **migration.APPLY,
    **erasure.APPLY,
}
