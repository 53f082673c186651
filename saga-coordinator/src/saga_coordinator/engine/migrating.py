"""An instance goes on in another version of its process, if everything that is open, and the undo of everything that
was done, has a place there."""

from collections.abc import Iterator, Mapping

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.activities import task_of
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.interrupting import OUT
from saga_coordinator.engine.listening import listen
from saga_coordinator.engine.process import Body, Element, Process, StepClass, Task
from saga_coordinator.engine.state import ROOT, InstanceState, Step
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import arm


def problems(process: Process, state: InstanceState, elements: Mapping[str, str]) -> list[str]:
    """Why the instance cannot go on in this version of its process; empty if it can. `elements` maps ids that are
    different there."""
    return list(_problems(process, state, elements))


def _problems(process: Process, state: InstanceState, elements: Mapping[str, str]) -> Iterator[str]:
    if process.id != state.process:
        yield f"it is an instance of {state.process}"
    if state.ended:
        yield f"it is {state.status}"
    for step in state.steps.values():
        yield from _misplaced(process, state, step, elements)
    yield from lost_undos(process, state, elements)
    for token in state.parked:
        if elements.get(token.element, token.element) not in process.elements:
            yield f"a token is on its way to {token.element}, which is not there"


def lost_undos(process: Process, state: InstanceState, elements: Mapping[str, str]) -> list[str]:
    """What would not be undone any more in this version, of what would be now."""
    lost = []
    for effect in state.log.values():
        handler = elements.get(effect.handler, effect.handler) if effect.handler is not None else None
        if handler is not None and not effect.undone and handler not in process.elements:
            lost.append(f"{effect.element} would not be undone any more: there is no {handler}")
    return lost


def _misplaced(process: Process, state: InstanceState, step: Step, elements: Mapping[str, str]) -> Iterator[str]:
    there = process.elements.get(elements.get(step.element, step.element))
    if there is None:
        yield f"{step.element} is open, and is not there"
        return
    around = state.scopes[step.scope].element
    if step.undoes is None and elements.get(around, around) != there.parent and not _in_handler(state, step):
        yield f"{step.element} is open in {around}, and stands in {there.parent} there"
    if step.command is not None and there.task is None:
        yield f"{step.element} has asked a system, and is a {there.kind} there"
    elif step.undoes is None and step.command is not None and _is_open(step):
        yield from _otherwise(step, step.command, task_of(there))
    if step.inside is not None and (there.body is None) == (state.scopes[step.inside].rounds is None):
        yield f"{step.element} is open as a sub-process, and is a {there.kind} there"
    if (step.item is not None or _is_whole(state, step)) != (there.loop is not None):
        yield f"{step.element} is done several times in only one of the versions"
    for waited in _events(state, step):
        if elements.get(waited, waited) not in process.elements:
            yield f"{step.element} waits for {waited}, which is not there"


def _is_open(step: Step) -> bool:
    """Whether the step's command may still turn out to have been applied."""
    asks = step.incident is not None and step.incident.resume == "probe"
    return not step.completed and (step.phase in OUT or asks or step.unsure > 0 or bool(step.held))


def _otherwise(step: Step, command: f.CommandIssued, there: Task) -> Iterator[str]:
    """What is out is answered, mapped and undone by the version that the instance has then."""
    asked = there.operation
    if asked is None or (asked.name, asked.system) != (command.operation, command.system):
        other = f"{asked.system} for {asked.name}" if asked is not None else "nobody"
        yield f"{step.element} has asked {command.system} for {command.operation}, and asks {other} there"
    elif not command.reads and there.step_class is StepClass.READ:
        yield f"{step.element} would not be undone any more: it only reads there"


def _in_handler(state: InstanceState, step: Step) -> bool:
    owner = state.owner(step.scope)
    return owner is not None and owner.undoes is not None


def _is_whole(state: InstanceState, step: Step) -> bool:
    inside = state.scopes.get(step.inside) if step.inside is not None else None
    return inside is not None and inside.rounds is not None


def _events(state: InstanceState, step: Step) -> Iterator[str]:
    yield from (name for timer in step.timers if (name := state.timers[timer].element))
    yield from (state.subscriptions[subscription].element for subscription in step.subscriptions)
    yield from (state.conditions[condition].element for condition in step.conditions)


def migrate(turn: Turn, act: i.Migrate) -> None:
    """Go on in the version that the turn is decided with. Raises `IllegalInput` with all that stands against it."""
    against = problems(turn.process, turn.state, act.elements)
    if against:
        raise IllegalInput("CANNOT_MIGRATE", f"it cannot go on in version {act.version}: {'; '.join(against)}")
    before, after = {"version": turn.state.version}, {"version": act.version, "elements": act.elements}
    turn.emit(f.OperatorActed(action="migrate", by=act.by, reason=act.reason, before=before, after=after))
    turn.emit(f.Migrated(version=act.version, elements=act.elements))
    for step in list(turn.state.steps.values()):
        if not step.lingers and step.undoes is None:
            _arm_new(turn, step)
    for scope in list(turn.state.scopes.values()):
        _listen_new(turn, scope.id)


def _arm_new(turn: Turn, step: Step) -> None:
    """Boundary events that are new wait from now on."""
    armed = set(_events(turn.state, step))
    for boundary in turn.boundary(step):
        if boundary not in armed:
            try:
                arm(turn, step.id, turn.process.elements[boundary], "boundary")
            except ExpressionFailed as error:
                raise IllegalInput("CANNOT_MIGRATE", f"{boundary}: {error}") from error


def _listen_new(turn: Turn, scope_id: int) -> None:
    """So do event sub-processes that are new, where no token has been interrupted by one."""
    scope = turn.state.scopes[scope_id]
    listening = {turn.state.steps[listener].element for listener in scope.listeners}
    element: Element | None = turn.process.elements.get(scope.element)
    body = turn.process.body if scope_id == ROOT else element.body if element is not None else None
    at_work = [turn.element(turn.state.steps[step]) for step in scope.steps]
    if scope.rounds is not None or scope.closing or any(inner.by_event for inner in at_work):
        return
    for start in (body or Body()).listeners:
        if start not in listening:
            step_id = turn.new_id()
            turn.emit(f.ListenerOpened(step=step_id, element=start, scope=scope_id))
            listen(turn, step_id)
