"""What operators do to single steps: skip, move, and say that an undo was done by hand."""

from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.activities import holding, task_of
from saga_coordinator.engine.compensating import orders_of
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.interrupting import interrupt, interrupt_scope
from saga_coordinator.engine.process import Process, Unevaluable
from saga_coordinator.engine.recovery import start_walk, undone
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.engine.turn import ExpressionFailed, Turn


def skip(turn: Turn, step: Step, act: i.Skip) -> None:
    """The step counts as done with this output. What a command that is out does turns up as its effect still. Raises
    `IllegalInput`."""
    _check_on_path(turn, step)
    element = turn.element(step)
    try:
        values = turn.outputs(task_of(element).outputs, act.output, step.scope)
        flows = [] if step.item is not None else _ways(turn, step, values)
    except (ExpressionFailed, Unevaluable) as error:
        raise IllegalInput("BAD_OUTPUT", f"after {element.id} with this output: {error}") from error
    after = {"output": act.output}
    turn.emit(f.OperatorActed(action="skip", by=act.by, reason=act.reason, step=step.id, after=after))
    turn.emit(f.StepSkipped(step=step.id, element=element.id, output=act.output))
    turn.merge(step.scope, values)
    interrupt(turn, step.id)
    turn.send(flows, step.scope)
    turn.check(step.scope)


def _ways(turn: Turn, step: Step, values: dict[str, Any]) -> list[str]:
    """Where the token goes on. Raises `ExpressionFailed` and `Unevaluable`."""
    draft = Turn(turn.process, turn.state.fork(), turn.now, _never)
    draft.merge(step.scope, values)
    return holding(draft, step)


def _never(turn: Turn, step: int) -> None:
    raise AssertionError(f"step {step} is only looked at")


def move(turn: Turn, step: Step, act: i.Move) -> None:
    """The token at the step goes to another flow node of the same level; with `undo`, what lies between, and what a
    command that is out turns out to have done, is undone before it begins there. Raises `IllegalInput`."""
    _check_on_path(turn, step)
    target = turn.process.elements.get(act.to)
    if target is None or target.parent != turn.element(step).parent or target.attached_to or target.by_event:
        raise IllegalInput("UNKNOWN_ELEMENT", f"{act.to} is no flow node beside {step.element} that a token can go to")
    if step.item is not None:
        raise IllegalInput("NOT_OPEN", f"step {step.id} is one item of {step.element}: skip it, or move the whole")
    orders = _between(turn, step, act.to) if act.undo else []
    if orders and turn.state.pivoted:
        raise IllegalInput("PAST_PIVOT", "the point of no return is passed: move without undo")
    _tell_move(turn, step, act)
    turn.merge(step.scope, act.variables)
    interrupt(turn, step.id)
    lingers = step.id in turn.state.steps
    if not (orders or (act.undo and lingers)):
        turn.start(act.to, step.scope)
        return
    waiting = turn.new_id()
    turn.emit(f.MoveBegun(step=waiting, element=act.to, scope=step.scope))
    reason, awaits = f"moved back to {act.to}", step.id if lingers else None
    start_walk(turn, orders, reason, waiting, awaits=awaits, within=step.inside if lingers else None)


def _tell_move(turn: Turn, step: Step, act: i.Move) -> None:
    before: dict[str, Any] = {"element": step.element}
    after: dict[str, Any] = {"element": act.to}
    if act.variables:
        before |= replaced(turn, step.scope, act.variables)
        after |= {"variables": act.variables}
    told = f.OperatorActed(action="move", by=act.by, reason=act.reason, step=step.id, before=before, after=after)
    turn.emit(told)


def replaced(turn: Turn, scope: int, values: dict[str, Any]) -> dict[str, Any]:
    """What the variables that an act replaces were."""
    visible = turn.state.variables(scope)
    return {"variables": {name: visible[name] for name in values if name in visible}}


def _check_on_path(turn: Turn, step: Step) -> None:
    if step.lingers or step.listens or step.moves or turn.is_undoing(step) or turn.state.stopping is not None:
        raise IllegalInput("NOT_OPEN", f"step {step.id} ({step.element}) is not on the way forward")


def _between(turn: Turn, step: Step, to: str) -> list[int]:
    """The effects of what lies on the ways from `to` to the step, newest first, and of what is inside the step."""
    ahead = _reach(turn.process, to, backwards=False)
    behind = _reach(turn.process, step.element, backwards=True)
    log = list(turn.state.log.values())
    passed = [e for e in log if e.scope == step.scope and e.element in ahead and e.element in behind]
    inside = [e for e in log if step.inside is not None and e.path and e.path[-1] == step.inside]
    return orders_of(turn.state, (*passed, *inside))


def _reach(process: Process, begin: str, *, backwards: bool) -> set[str]:
    reached: set[str] = set()
    pending = [begin]
    while pending:
        node = pending.pop()
        if node in reached:
            continue
        reached.add(node)
        element = process.elements[node]
        if backwards:
            pending += [process.flows[flow].source for flow in element.incoming]
            pending += [element.attached_to] if element.attached_to else []
        else:
            pending += [process.flows[flow].target for flow in element.outgoing]
            pending += element.boundary
    return reached


def by_hand(turn: Turn, step: Step, act: i.ByHand) -> None:
    """Somebody undid it outside; the walk goes on. Raises `IllegalInput` where nothing failed to be undone."""
    undo = next((around for around in turn.around(step) if around.undoes is not None), None)
    if undo is None or step.phase is not Phase.INCIDENT:
        raise IllegalInput("NOT_OPEN", f"step {step.id} ({step.element}) is no undo that failed")
    turn.emit(f.OperatorActed(action="by-hand", by=act.by, reason=act.reason, step=step.id, evidence=act.evidence))
    if undo.inside is not None:
        interrupt_scope(turn, undo.inside)
        turn.emit(f.ScopeClosed(scope=undo.inside, completed=False))
    undone(turn, undo.id)
