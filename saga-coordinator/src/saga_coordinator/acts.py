"""What an operator's act has begun, and whether that is still under way.

An act is recorded when its journal row is written; it is done when its effect has happened. For most acts that is the
same. A cancel is done when the instance has ended, a retry when the outcome of what is tried again is known, a move
with undo when the token is where it was sent.
"""

from collections.abc import Iterable

import msgspec

from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.state import BUSY


class Begun(msgspec.Struct, frozen=True):
    """What the row of an act began: the end of the instance (`stops`), `tries` of steps, `moves` by waiting steps."""

    stops: bool = False
    tries: frozenset[int] = frozenset()
    moves: frozenset[int] = frozenset()

    @property
    def nothing(self) -> bool:
        """The act was done when it was recorded."""
        return not (self.stops or self.tries or self.moves)

    def is_done(self, state: InstanceState) -> bool:
        """Whether all of it has happened."""
        steps = state.steps
        trying = any(steps[step].phase in BUSY for step in self.tries if step in steps)
        return not (trying or (self.stops and not state.ended) or any(step in steps for step in self.moves))

    def is_settled(self, state: InstanceState) -> bool:
        """Whether there is nothing to wait for: it is done, or somebody has to look at it first."""
        return self.is_done(state) or state.suspended or (bool(state.incidents) and not self.tries)


def begun(act: i.Input, facts: Iterable[f.Fact]) -> Begun:
    """What these facts of the act's row began."""
    facts = list(facts)
    stops = isinstance(act, i.Cancel | i.Throw) and any(type(fact) is f.InstanceStopping for fact in facts)
    tries = [fact.step for fact in facts if type(fact) is f.IncidentResolved] if isinstance(act, i.Retry) else []
    return Begun(stops, frozenset(tries), frozenset(fact.step for fact in facts if type(fact) is f.MoveBegun))
