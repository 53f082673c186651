"""Activities that are done several times: multi-instances (at once or one after another) and loops.

The activity as a whole is one step, with a scope that counts the items; every item is a scope in that, with the item's
own variables and one step in it: the activity itself. BPMN 2.0, 10.3.8, 13.3.6 and 13.3.7.
"""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.activities import move_on
from saga_coordinator.engine.commands import wake
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.interrupting import interrupt_scope
from saga_coordinator.engine.process import Iteration, Loop, Unevaluable
from saga_coordinator.engine.state import Rounds, Scope
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm_boundary, disarm

CHUNK = 100  # items begun in one turn: the rest follow at once, in turns of their own
MOST_ITEMS = 100_000
COUNTER = "loopCounter"


def enter(turn: Turn, step_id: int) -> None:
    """Find out how many items there are and begin them (one after another: the first)."""
    step = turn.state.steps[step_id]
    loop = _loop(turn, step_id)
    try:
        planned = _plan(turn, loop, step.scope)
        arm_boundary(turn, step_id)
    except Unevaluable:
        turn.emit(f.StepWaiting(step=step_id, waits_for="choice"))
        return
    except ExpressionFailed as error:
        disarm(turn, step_id)
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "enter")
        return
    scope = turn.new_id()
    turn.emit(f.ScopeOpened(scope=scope, parent=step.scope, step=step_id, element=step.element))
    turn.emit(f.RoundsPlanned(scope=scope, total=planned.total, values=_listed(planned.values)))
    go_on(turn, step_id)


def go_on(turn: Turn, step_id: int) -> None:
    """Begin what can begin now; nothing left to do is the end of it."""
    step = turn.state.steps[step_id]
    scope = turn.state.scopes[step.inside or 0]
    loop, rounds = _loop(turn, step_id), scope.rounds or Rounds()
    if loop.iteration is Iteration.PARALLEL:
        _begin_many(turn, step_id, scope, rounds)
    elif not rounds.open and (rounds.total is None or rounds.begun < rounds.total):
        _begin(turn, step_id, scope, rounds.begun + 1)
    turn.check(scope.id)


def finish_item(turn: Turn, scope_id: int) -> None:
    """Nothing is left in the scope of an item: count it, and see what that means for the whole."""
    item = turn.state.scopes[scope_id]
    step = turn.state.steps[item.step]
    whole, loop = item.parent, _loop(turn, item.step)
    if item.closing or turn.state.scopes[whole].closing:
        turn.emit(f.ScopeClosed(scope=scope_id, completed=False))
        turn.check(whole)
        return
    try:
        result = _hand_out(turn, loop, item, step.scope)
    except ExpressionFailed as error:
        raise_incident(turn, step.id, EXPRESSION_FAILED, str(error), "round")
        return
    turn.emit(f.ScopeClosed(scope=scope_id))
    turn.emit(f.RoundDone(scope=whole, item=item.item or 0, result=result))
    _judge(turn, step.id, whole)


def _judge(turn: Turn, step_id: int, whole: int) -> None:
    """Another item, or the end."""
    try:
        over = _is_over(turn, _loop(turn, step_id), turn.state.scopes[whole])
    except Unevaluable:
        turn.emit(f.StepWaiting(step=step_id, waits_for="choice"))
        return
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "round")
        return
    if over:
        interrupt_scope(turn, whole)
        turn.check(whole)
    else:
        go_on(turn, step_id)


def count_again(turn: Turn, step_id: int) -> None:
    """What could not be evaluated when an item was done is tried once more."""
    whole = turn.state.steps[step_id].inside or 0
    waiting = [item for item in turn.items(whole) if turn.state.scopes[item].empty]
    for item in waiting:
        finish_item(turn, item)
    if not waiting:
        _judge(turn, step_id, whole)


def finish(turn: Turn, step_id: int, scope_id: int) -> None:
    """The activity is done, as a whole."""
    close(turn, step_id, scope_id)
    move_on(turn, step_id)


def close(turn: Turn, step_id: int, scope_id: int) -> None:
    """No more items. A throw undoes what the activity holds inside only if no item was ended before its time (BPMN 2.0,
    13.3.7)."""
    step = turn.state.steps[step_id]
    loop = _loop(turn, step_id)
    rounds = turn.state.scopes[scope_id].rounds or Rounds()
    if loop.result:
        count = max([rounds.total or 0, *rounds.results])
        turn.merge(step.scope, {loop.result: [rounds.results.get(n) for n in range(1, count + 1)]})
    turn.emit(f.ScopeClosed(scope=scope_id))
    turn.emit(
        f.StepCompleted(
            step=step_id,
            element=step.element,
            order=turn.state.order + 1,
            scope=step.scope,
            body=True,
            partial=rounds.begun > rounds.done,
        )
    )


def _loop(turn: Turn, step_id: int) -> Loop:
    loop = turn.element(turn.state.steps[step_id]).loop
    if loop is None:
        raise LookupError(f"step {step_id} is done only once")
    return loop


def _plan(turn: Turn, loop: Loop, scope: int) -> Rounds:
    """How many items. Raises `Unevaluable` where nothing says it, `ExpressionFailed` where that makes no sense."""
    visible = turn.state.variables(scope)
    if loop.iteration is Iteration.LOOP:
        if loop.tests_before and not _holds(turn, loop, scope, 0):
            return Rounds(total=0)
        return Rounds(total=None if loop.condition is not None else _most(loop))
    if loop.collection is not None:
        values = turn.evaluate(loop.collection, visible)
        values = [] if values is None else values if isinstance(values, list) else [values]
        return Rounds(total=_count(len(values), loop.collection.source), values=tuple(values))
    if loop.cardinality is None:
        raise Unevaluable("how many?")
    return Rounds(total=_count(turn.evaluate(loop.cardinality, visible), loop.cardinality.source))


def _most(loop: Loop) -> int:
    if loop.most is None:
        raise Unevaluable("how often?")
    return loop.most


def _count(value: Any, source: str) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    if not whole or not 0 <= value <= MOST_ITEMS:
        raise ExpressionFailed(f"{source}: {value!r} is no number of items from 0 to {MOST_ITEMS}")
    return int(value)


def _listed(values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _begin_many(turn: Turn, step_id: int, scope: Scope, rounds: Rounds) -> None:
    if any(turn.state.timers[timer].purpose == "items" for timer in turn.state.steps[step_id].timers):
        return
    last = min(rounds.begun + CHUNK, rounds.total or 0)
    for number in range(rounds.begun + 1, last + 1):
        _begin(turn, step_id, scope, number)
    if last < (rounds.total or 0):
        wake(turn, turn.state.steps[step_id], "items", turn.now)


def _begin(turn: Turn, step_id: int, scope: Scope, number: int) -> None:
    loop, values = _loop(turn, step_id), scope.rounds.values if scope.rounds is not None else None
    variables: dict[str, Any] = {COUNTER: number}
    if values is not None and loop.item:
        variables[loop.item] = values[number - 1]
    inner = turn.new_id()
    opened = f.ScopeOpened(
        scope=inner, parent=scope.id, step=step_id, element=scope.element, variables=variables, item=number
    )
    turn.emit(opened)
    turn.enter(scope.element, inner, item=number)


def _hand_out(turn: Turn, loop: Loop, item: Scope, around: int) -> Any:
    """What the item leaves: its part of the result list, or its variables, as a sub-process does. Raises
    `ExpressionFailed`."""
    if loop.result:
        try:
            return turn.evaluate(loop.output, turn.state.variables(item.id)) if loop.output else None
        except Unevaluable:
            return None
    turn.merge(around, {k: v for k, v in item.variables.items() if k not in (COUNTER, loop.item)})
    return None


def _is_over(turn: Turn, loop: Loop, scope: Scope) -> bool:
    """Whether no more items are wanted. Raises `ExpressionFailed` and `Unevaluable`."""
    rounds, step = scope.rounds or Rounds(), turn.state.steps[scope.step]
    if loop.iteration is Iteration.LOOP:
        if rounds.total is not None:
            return rounds.done >= rounds.total
        enough = loop.most is not None and rounds.done >= loop.most
        return enough or not _holds(turn, loop, step.scope, rounds.done)
    if rounds.done >= (rounds.total or 0):
        return True
    if loop.done is None:
        return False
    counts = {
        "numberOfInstances": rounds.total,
        "numberOfActiveInstances": rounds.open,
        "numberOfCompletedInstances": rounds.done,
        "numberOfTerminatedInstances": 0,
    }
    try:
        return bool(turn.evaluate(loop.done, {**turn.state.variables(step.scope), **counts}))
    except Unevaluable:  # nobody here can tell that fewer are enough
        return False


def _holds(turn: Turn, loop: Loop, scope: int, done: int) -> bool:
    """Whether a loop goes on. Raises `Unevaluable` where nothing says it."""
    if loop.condition is None:
        return loop.most is None or done < loop.most
    return bool(turn.evaluate(loop.condition, {**turn.state.variables(scope), COUNTER: done}))
