"""The log of what was done: which effects are left, and in which order they are undone."""

from collections.abc import Iterable

from saga_coordinator.engine.state import Effect, InstanceState


def orders_to_undo(state: InstanceState) -> list[int]:
    """Completion orders of the effects that recovery undoes, newest first. What is inside a completed sub-process
    with a handler of its own is that handler's business."""
    return uncovered(state, (effect for effect in state.log.values() if not effect.undone and not effect.only_holds))


def uncovered(state: InstanceState, effects: Iterable[Effect]) -> list[int]:
    """The completion orders of these effects, newest first, without those that are inside a completed sub-process with
    a handler of its own."""
    covered = {e.inside for e in state.log.values() if e.inside is not None and e.handler is not None}
    return newest_first(effect for effect in effects if not covered.intersection(effect.path))


def newest_first(effects: Iterable[Effect]) -> list[int]:
    """Their completion orders by time of completion: what a called process did is told only later."""
    return [order for _, order in sorted(((effect.at, effect.order) for effect in effects), reverse=True)]
