"""Replies that come after their step is over.

A late reply is acted on only if that very attempt had been recorded absent: then its effect exists although everybody
went on without it, and it is undone once more. An instance that had ended reopens as an incident (DESIGN 7). All
attempts carry one hub key, so whoever looked for the earlier attempt's document may have found the later one's.
"""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.activities import found_late
from saga_coordinator.engine.incidents import LATE_EFFECT, raise_incident
from saga_coordinator.engine.recovery import start_walk
from saga_coordinator.engine.state import ROOT, Absent, Step
from saga_coordinator.engine.turn import Turn

Told = tuple[Any, dict[str, str]]


def late(turn: Turn, answer: i.Reply) -> None:
    """Record it, and undo its effect if it has one that nobody knew of."""
    outcome = answer.outcome
    if answer.command not in turn.state.absents or not isinstance(outcome, i.CompletedOutcome | i.AcceptedOutcome):
        name = str(type(outcome).__struct_config__.tag)
        turn.emit(f.ReplyIgnored(step=answer.step, command=answer.command, outcome=name, reason="the step is over"))
    elif isinstance(outcome, i.AcceptedOutcome):
        one_too_many(turn, answer.step, answer.command, {"reference": outcome.reference}, {})
    else:
        one_too_many(turn, answer.step, answer.command, outcome.output, outcome.references)


def one_too_many(turn: Turn, step_id: int, command: str, output: Any, references: dict[str, str]) -> None:
    """Undo the effect of an attempt that had been recorded absent, unless the step has made that very document."""
    absent = turn.state.absents[command]
    if _is_known(turn, step_id, output, references):
        reason = "the document is the one that the step is known to have made"
        turn.emit(f.ReplyIgnored(step=step_id, command=command, outcome="completed", reason=reason))
        return
    order = _register(turn, step_id, absent, output, references)
    if order not in turn.state.log:
        return
    if turn.state.ended:
        _reopen(turn, order, absent.element)
    elif turn.state.stopping is None or turn.state.stopping.then != "cancelled":
        start_walk(turn, [order], reason="an effect that a probe had not found")


def _is_known(turn: Turn, step_id: int, output: Any, references: dict[str, str]) -> bool:
    return any(
        effect.step == step_id and same_document((effect.output, effect.references), (output, references))
        for effect in turn.state.log.values()
    )


def same_document(one: Told, other: Told) -> bool:
    """Whether two outcomes (output, references) tell of one document. References name it; a probe may describe it in
    other words than the create did."""
    if one[1] and other[1]:
        return one[1] == other[1]
    return one == other


def _register(turn: Turn, step_id: int, absent: Absent, output: Any, references: dict[str, str]) -> int:
    scope = absent.scope if absent.scope in turn.state.scopes else ROOT
    step = Step(id=step_id, element=absent.element, scope=scope, command=absent.command)
    fact = found_late(turn, step, output, references)
    turn.emit(f.LateEffectFound(command=absent.command.command, order=fact.order, element=absent.element))
    return fact.order


def _reopen(turn: Turn, order: int, element: str) -> None:
    """The final status comes back once the effect is undone: by a person's word, or (in a called process, which has
    ended only for its caller) at once."""
    final = turn.state.status
    turn.emit(f.InstanceStopping(then=final, undo=False, reason="an effect appeared after the end"))
    start_walk(turn, [order])
    if turn.state.parent is not None:
        turn.emit(f.StatusChanged(status="compensating"))
        return
    step_id = turn.new_id()
    handler = turn.state.log[order].handler
    turn.emit(f.UndoStarted(step=step_id, order=order, element=element, scope=ROOT, handler=handler))
    message = f"{element} was applied although a probe had found nothing"
    raise_incident(turn, step_id, LATE_EFFECT, message, "undo")
