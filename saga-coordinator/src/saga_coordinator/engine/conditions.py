"""Conditional events: watched conditions fire when they become true (BPMN 2.0, 10.5.5, conditional events)."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import Unevaluable
from saga_coordinator.engine.state import Condition
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def came_true(turn: Turn) -> Condition | None:
    """The oldest watched condition that has become true. Conditions that have become false are remembered as such;
    one that fails, or that nobody here can evaluate, is not true."""
    for condition in list(turn.state.conditions.values()):
        holds = _holds(turn, condition)
        if holds == condition.held:
            continue
        turn.emit(f.ConditionChanged(condition=condition.id, held=holds))
        if holds:
            return condition
    return None


def _holds(turn: Turn, condition: Condition) -> bool:
    event = turn.process.elements[condition.element].event
    step = turn.state.steps[condition.step]
    if event is None or event.condition is None or step.lingers:
        return condition.held
    try:
        return bool(turn.evaluate(event.condition, turn.state.variables(step.scope)))
    except (ExpressionFailed, Unevaluable):
        return False
