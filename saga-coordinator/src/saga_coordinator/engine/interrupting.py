"""Ending steps from outside: boundary events, terminate, cancel, a sibling's failure.

A step whose command is out lingers: the command is sealed and probed, and the step stays open, off the path, until its
outcome is known and its effect is registered for undo (DESIGN 7).
"""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import found_late, undo_of
from saga_coordinator.engine.commands import probe
from saga_coordinator.engine.listening import close_listeners
from saga_coordinator.engine.locking import release
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.engine.turn import Turn
from saga_coordinator.engine.waiting import disarm

# The step's command may still turn out to have been applied.
OUT = frozenset({Phase.EXECUTING, Phase.PROBING, Phase.PROBE_WAIT, Phase.ACCEPTED})


def interrupt(turn: Turn, step_id: int, by: str | None = None) -> None:
    """End the step and everything inside it."""
    step = turn.state.steps[step_id]
    if step.lingers:
        return
    disarm(turn, step_id)
    step = turn.state.steps[step_id]
    if step.inside is not None and step.inside in turn.state.scopes:
        _interrupt_inside(turn, step, step.inside, by)
    elif step.child is not None and _is_called(step):
        turn.emit(f.Interrupted(step=step_id, by=by, lingers=True))
        turn.emit(f.ChildTold(step=step_id, child=step.child, what="stop"))
    elif _outcome_is_open(step):
        _linger(turn, step, by)
    else:
        _keep_known_effect(turn, step)
        _drop(turn, step, by)
        if not any(effect.step == step_id for effect in turn.state.log.values()):
            release(turn, step_id)


def interrupt_scope(turn: Turn, scope_id: int, by: str | None = None) -> None:
    """End every step in the scope, oldest first; tokens on their way are withdrawn. Undos that are at work go on."""
    turn.withdraw(scope_id)
    close_listeners(turn, scope_id)
    for step_id in list(turn.state.scopes[scope_id].steps):
        step = turn.state.steps.get(step_id)
        if step is not None and step.undoes is None:
            interrupt(turn, step_id, by)
    if turn.state.scopes[scope_id].rounds is not None:
        for item in turn.items(scope_id):
            _close(turn, item, by)


def _close(turn: Turn, scope_id: int, by: str | None) -> bool:
    """End everything inside; whether nothing lingers there."""
    interrupt_scope(turn, scope_id, by)
    over = turn.state.scopes[scope_id].empty
    turn.emit(f.ScopeClosed(scope=scope_id, completed=False) if over else f.ScopeClosing(scope=scope_id))
    return over


def _interrupt_inside(turn: Turn, step: Step, inside: int, by: str | None) -> None:
    if _close(turn, inside, by):
        _drop(turn, step, by)
    else:
        turn.emit(f.Interrupted(step=step.id, by=by, lingers=True))


def _is_called(step: Step) -> bool:
    """Whether the step's child is (or may be) at work."""
    late = step.incident is not None and step.incident.resume == "wait"
    return step.phase is Phase.CALLING or step.waits_for == "child" or late


def _outcome_is_open(step: Step) -> bool:
    command = step.command
    if command is None or command.reads or step.completed or step.undoes is not None or not command.operation:
        return False
    if step.phase is Phase.INCIDENT:
        return step.incident is not None and step.incident.resume == "probe"
    return step.phase in OUT


def _linger(turn: Turn, step: Step, by: str | None) -> None:
    turn.emit(f.Interrupted(step=step.id, by=by, lingers=True))
    if step.phase in (Phase.EXECUTING, Phase.ACCEPTED, Phase.PROBE_WAIT):
        probe(turn, turn.state.steps[step.id])


def _keep_known_effect(turn: Turn, step: Step) -> None:
    incident = step.incident
    if incident is not None and incident.resume == "complete" and not step.completed:
        found_late(turn, step, incident.output, incident.references)
    else:
        keep_possible_effect(turn, step.id)


def keep_possible_effect(turn: Turn, step_id: int) -> None:
    """An attempt that nobody could tell about may have been applied, and the step gives up: it counts as applied.
    Undoing what did not happen is harmless, and missing what did is not."""
    step = turn.state.steps[step_id]
    if step.unsure and not step.completed and step.undoes is None and undo_of(turn.element(step)) is not None:
        found_late(turn, step, None, {}, presumed=True)


def _drop(turn: Turn, step: Step, by: str | None) -> None:
    turn.emit(f.Interrupted(step=step.id, by=by))
    turn.check(step.scope)
