"""Plain and manual tasks: nothing is executed."""

from saga_coordinator.engine.activities import complete
from saga_coordinator.engine.turn import Turn


def enter(turn: Turn, step_id: int) -> None:
    """Done at once."""
    complete(turn, step_id, None)
