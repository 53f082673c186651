"""Start events: the token begins here; what started it is already in the variables."""

from saga_coordinator.engine.activities import move_on
from saga_coordinator.engine.turn import Turn


def enter(turn: Turn, step_id: int) -> None:
    """Go on."""
    move_on(turn, step_id)
