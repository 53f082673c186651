"""What must hold in every world, and in those that are at rest."""

from collections import Counter

from e2e.model.world import World
from saga_coordinator.engine import InstanceState
from saga_coordinator.engine.incidents import LATE_EFFECT, SEVERAL_DOCUMENTS

PROMISED = "while what lands keeps to `settle`"


def broken(world: World, state: InstanceState | None, tasks: int, *, beyond: bool) -> str | None:
    """What is wrong with the world, if anything. `beyond`: some documents land later than `settle` promises, so that
    only worlds at rest have to be right about them (see `broken_at_rest`)."""
    if state is None:
        return None
    return _phantom(world, state) or (None if beyond else _wrong_now(world, state, tasks))


def broken_at_rest(world: World, state: InstanceState | None, tasks: int) -> str | None:
    """The same where nothing can happen any more."""
    if state is None or not (state.ended or state.incidents):
        return f"it neither ends nor waits for a person: {state.status if state else 'never started'}"
    return None if state.incidents else _wrong_end(world, state, tasks)


def _wrong_now(world: World, state: InstanceState, tasks: int) -> str | None:
    per_key = Counter(document.hub_key for document in world.documents if not document.undone)
    twice = [key for key, count in per_key.items() if count > 1]
    if twice:
        return f"a double effect: {', '.join(d.id for d in world.documents if d.hub_key in twice and not d.undone)}"
    for step in state.incidents:
        incident = state.steps[step].incident
        if incident and incident.code in (LATE_EFFECT, SEVERAL_DOCUMENTS):
            return f"an incident that should not be, {PROMISED}: {incident.code}"
    return _wrong_end(world, state, tasks) if state.ended else None


def _wrong_end(world: World, state: InstanceState, tasks: int) -> str | None:
    live = {document.id for document in world.documents if not document.undone}
    if state.status == "completed" and len(live) != tasks:
        return f"completed, with the effects {sorted(live) or 'none'}"
    if state.status == "compensated" and live:
        return f"compensated, with an effect left: {sorted(live)}"
    if live != _believed(state):
        return f"{state.status}, with {sorted(live)} and believing in {sorted(_believed(state))}"
    return None


def _phantom(world: World, state: InstanceState) -> str | None:
    """An effect that the saga believes in is there, unless its undo is at work."""
    undoing = {step.undoes for step in state.steps.values()}
    gone = {document.id for document in world.documents if document.undone}
    known = {document.id for document in world.documents}
    for effect in state.log.values():
        document = _document(effect.undo.input) if effect.undo else None
        if effect.undone and document in known - gone:
            return f"undone in the journal, and {document} is there"
        if not effect.undone and effect.order not in undoing and (document not in known or document in gone):
            return f"a lost effect: {effect.element} counts as applied, and {document} is not there"
    return None


def _believed(state: InstanceState) -> set[str]:
    return {str(_document(effect.undo.input)) for effect in state.log.values() if effect.undo and not effect.undone}


def _document(undo_input: object) -> str | None:
    output = undo_input.get("output") if isinstance(undo_input, dict) else None
    return output.get("doc") if isinstance(output, dict) else None
