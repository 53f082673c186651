"""How an activity ends well: its effect is registered for undo, its output mapped, its token sent on."""

from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.children import tell_parent
from saga_coordinator.engine.incidents import EXPRESSION_FAILED, raise_incident
from saga_coordinator.engine.process import Element, Flow, StepClass, Task, Undo, Unevaluable
from saga_coordinator.engine.state import ROOT, Step
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import disarm

NO_TASK = Task()


def task_of(element: Element) -> Task:
    """The element's execution details."""
    return element.task or NO_TASK


def complete(
    turn: Turn,
    step_id: int,
    output: Any,
    references: dict[str, str] | None = None,
    by: str | None = None,
    *,
    presumed: bool = False,
) -> None:
    """The activity's work is done (or `presumed` so): register its effect, map its output, go on.

    If the undo cannot be rendered the outcome is kept in the incident, and a retry completes with it.
    """
    step = turn.state.steps[step_id]
    references = references or {}
    try:
        undo = planned_undo(turn, step, output, references)
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "complete", output, references)
        return
    if step.lingers:
        turn.emit(completion(turn, step, output, references, undo, by=by, presumed=presumed))
        disarm(turn, step_id)
        turn.leave(step_id, [])
        return
    try:
        values = turn.outputs(task_of(turn.element(step)).outputs, output, step.scope)
    except ExpressionFailed as error:
        turn.emit(completion(turn, step, output, references, undo, by=by))
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "outputs", output)
        return
    turn.merge(step.scope, values)
    turn.emit(completion(turn, step, output, references, undo, by=by))
    if task_of(turn.element(step)).step_class is StepClass.PIVOT:
        tell_parent(turn, "pivoted")
    move_on(turn, step_id)


def completion(
    turn: Turn,
    step: Step,
    output: Any,
    references: dict[str, str],
    undo: f.PlannedUndo | None,
    *,
    late: bool = False,
    by: str | None = None,
    presumed: bool = False,
) -> f.StepCompleted:
    """The fact that the step's activity did its work. What an undo handler does is not undone in its turn."""
    element = turn.element(step)
    undoing = turn.is_undoing(step)
    handler = None if undoing else element.handler
    late = late or step.lingers
    return f.StepCompleted(
        step=step.id,
        element=step.element,
        order=turn.state.order + 1,
        scope=step.scope,
        output=output,
        references=references,
        step_class=task_of(element).step_class.value,
        undo=None if handler or undoing else undo,
        handler=handler,
        irreversible=not undoing and is_irreversible(element, step.command, undo),
        own=_own(turn, element, output, step.scope) if handler and late else {},
        late=late,
        by=by,
        together=_together(turn, step.scope),
        presumed=presumed,
    )


def _together(turn: Turn, scope: int) -> int | None:
    """The outermost scope around the step whose effects may be undone at the same time (`tl:parallelUndo`)."""
    if not turn.process.undoes_together:
        return None
    for around in turn.state.path(scope):
        element = turn.process.elements.get(turn.state.scopes[around].element)
        body = turn.process.body if around == ROOT else element.body if element is not None else None
        if body is not None and body.parallel_undo:
            return around
    return None


def _own(turn: Turn, element: Element, output: Any, scope: int) -> dict[str, Any]:
    """What the step's output would have given the variables: it was found too late for them."""
    try:
        return turn.outputs(task_of(element).outputs, output, scope)
    except ExpressionFailed:
        return dict(output) if isinstance(output, dict) else {}


def found_late(
    turn: Turn, step: Step, output: Any, references: dict[str, str], *, presumed: bool = False
) -> f.StepCompleted:
    """Register an effect that nobody waits for any more (or `presumed`, because nobody knows). Where its undo cannot be
    rendered, or what it needs has been erased, or the step asks something else in the instance's new version, a person
    has to undo it."""
    unknown = turn.state.erased or _asks_otherwise(turn.element(step), step)
    try:
        undo = None if unknown else planned_undo(turn, step, output, references)
    except ExpressionFailed:
        undo = None
    fact = completion(turn, step, output, references, undo, late=True, presumed=presumed)
    if turn.state.erased:
        fact = replace(fact, handler=None, own={}, irreversible=True)
    turn.emit(fact)
    return fact


def _asks_otherwise(element: Element, step: Step) -> bool:
    operation = task_of(element).operation
    return step.command is not None and operation is not None and operation.name != step.command.operation


def is_irreversible(element: Element, command: f.CommandIssued | None, undo: f.PlannedUndo | None) -> bool:
    """Whether the step left an effect that nothing undoes: no undo is declared, or it cannot be rendered."""
    if element.handler or undo or command is None or not command.operation:
        return False
    if undo_of(element) is not None:
        return True
    return not command.reads and not command.safe_to_repeat and task_of(element).step_class is not StepClass.READ


def planned_undo(turn: Turn, step: Step, output: Any, references: dict[str, str]) -> f.PlannedUndo | None:
    """The step's undo with its input rendered now, from this very output. Raises `ExpressionFailed`."""
    element = turn.element(step)
    undo = undo_of(element)
    if undo is None or element.handler:
        return None
    context = {"input": step.command.input if step.command else None, "output": output, "references": references}
    if undo.inputs:
        rendered = turn.mapped(undo.inputs, context, variables=turn.state.variables(step.scope))
    elif undo.input is not None:
        rendered = turn.evaluate(undo.input, context)
    else:
        rendered = context
    operation = undo.operation
    return f.PlannedUndo(
        operation=operation.name,
        system=operation.system,
        input=rendered,
        safe_to_repeat=operation.safe_to_repeat,
        probe=operation.probe,
        timeout=operation.timeout,
        never=list(undo.never),
    )


def undo_of(element: Element) -> Undo | None:
    """The undo that the diagram declares, else the operation's."""
    task = task_of(element)
    return task.undo or (task.operation.undo if task.operation else None)


def map_output(turn: Turn, step_id: int, output: Any) -> None:
    """Merge an output into the step's scope and leave."""
    step = turn.state.steps[step_id]
    try:
        turn.merge(step.scope, turn.outputs(task_of(turn.element(step)).outputs, output, step.scope))
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "outputs", output)
        return
    move_on(turn, step_id)


def move_on(turn: Turn, step_id: int) -> None:
    """Leave along every outgoing flow whose condition holds (the default flow where none does). An item of a
    multi-instance leaves along none: that is for the activity as a whole."""
    step = turn.state.steps[step_id]
    try:
        flows = holding(turn, step) if step.item is None else []
    except Unevaluable:
        turn.emit(f.StepWaiting(step=step_id, waits_for="choice"))
        return
    except ExpressionFailed as error:
        raise_incident(turn, step_id, EXPRESSION_FAILED, str(error), "route")
        return
    disarm(turn, step_id)
    turn.leave(step_id, flows)


def holding(turn: Turn, step: Step) -> list[str]:
    """Outgoing flows to take: those without a condition and those whose condition is true, else the default."""
    element = turn.element(step)
    flows = [turn.process.flows[flow] for flow in element.outgoing if flow != element.default]
    taken = [flow.id for flow in flows if true(turn, flow, step.scope)]
    if not taken and element.default:
        return [element.default]
    return taken


def true(turn: Turn, flow: Flow, scope: int) -> bool:
    """Whether the flow's condition holds (it does where there is none). Raises `ExpressionFailed`."""
    return flow.condition is None or bool(turn.evaluate(flow.condition, turn.state.variables(scope)))
