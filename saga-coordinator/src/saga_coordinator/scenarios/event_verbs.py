"""Steps that make events happen: starts, triggers, messages, signals, escalations, conditions."""

from collections.abc import Iterator
from typing import Any

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Element, Kind, Trigger
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.scenarios.hosts import hosted
from saga_coordinator.scenarios.language import Action, Address
from saga_coordinator.scenarios.run import CannotDo, Run
from saga_coordinator.scenarios.stage import Stage


def begin(stage: Stage, event: str | None, payload: Any = None, **fields: Any) -> None:
    """Start the instance at a start event (None: the only one)."""
    process = stage.process
    start = i.Start(
        id=stage.next_id(),
        instance=stage.root.id,
        at=stage.now,
        process=process.id,
        version=process.version,
        element=event or _only_start(stage),
        payload=payload,
        **fields,
    )
    stage.give(stage.root, start)


def _only_start(stage: Stage) -> str | None:
    elements = stage.process.elements
    starts = [id_ for id_ in stage.process.body.starts if elements[id_].kind is Kind.START_EVENT]
    plain = [id_ for id_ in starts if _trigger(elements[id_]) is Trigger.NONE]
    if len(starts) > 1 and len(plain) != 1:
        raise CannotDo(f"start.event has to say which: {', '.join(starts)}")
    return next(iter(plain or starts), None)


def _trigger(element: Element) -> Trigger:
    return element.event.trigger if element.event else Trigger.NONE


def trigger(stage: Stage, action: Action) -> None:
    """`trigger: ADDR`: the start, catch or boundary event with this id happens. Raises `CannotDo`."""
    address, payload = Address.read(action.subject), action.companions.get("payload")
    if stage.root.state is None and address.element in stage.process.elements:
        begin(stage, address.element, payload)
        return
    if not any(address.element in run.process.elements for run in stage.runs.values()):
        raise CannotDo(f"there is no event {address.element}")
    on = action.companions.get("on")
    host = Address.read(on) if on is not None else None
    waiting = [(run, step, event) for run in stage.runs.values() for step, event in _waiting(run, address, host)]
    if address.nth is not None:
        waiting = waiting[address.nth - 1 : address.nth]
    if len(waiting) != 1:
        raise CannotDo(f"{len(waiting)} tokens wait for the event {address.element}")
    _fire(stage, *waiting[0], payload)


def _waiting(run: Run, address: Address, host: Address | None) -> Iterator[tuple[Step, Element]]:
    """The steps that wait for the event (of which it is on the border), oldest first."""
    event = run.process.elements.get(address.element)
    if event is not None and event.by_event and event.body is not None:
        event = run.process.elements[event.body.starts[0]]
    if event is None or run.state is None:
        return
    belongs = hosted(run, host) if host is not None else None
    for step in sorted(run.state.steps.values(), key=lambda step: step.id):
        if step.lingers or (belongs is not None and not belongs(step)) or not _is_for(run, step, event):
            continue
        if address.item is None or run.is_of_item(step, address.item):
            yield step, event


def _is_for(run: Run, step: Step, event: Element) -> bool:
    if event.kind is Kind.BOUNDARY_EVENT:
        return step.element == event.attached_to and step.item is None and step.undoes is None
    if event.kind is Kind.START_EVENT:
        return step.listens and step.element == event.id
    element = run.process.elements[step.element]
    behind = element.kind is Kind.EVENT_GATEWAY and any(
        run.process.flows[flow].target == event.id for flow in element.outgoing
    )
    return step.phase is Phase.WAITING and (step.element == event.id or behind)


def _fire(stage: Stage, run: Run, step: Step, event: Element, payload: Any) -> None:
    """An error on the border of an activity that a system does is a refusal by that system."""
    if _trigger(event) is Trigger.ERROR and step.command is not None and step.phase is not Phase.INCIDENT:
        code = event.event.code if event.event and event.event.code else "ERROR"
        stage.reply(run, step.command, i.RejectedOutcome(code=code))
        return
    fired = i.FireEvent(
        id=stage.next_id(), instance=run.id, at=stage.now, step=step.id, element=event.id, payload=payload
    )
    stage.give(run, fired)


def message(stage: Stage, action: Action) -> None:
    """`message: {name, key, payload}`: the first who waits for it gets it; without a receiver it is lost."""
    told = fields(action, {"name", "key", "payload"})
    name, key = str(told.get("name", "")), told.get("key")
    if stage.root.state is None:
        _start_by(stage, Trigger.MESSAGE, name, told.get("payload"))
        return
    for run, sub in stage.subscribed(name, signal=False):
        if key is None or sub.key == str(key):
            arrived = i.MessageArrived(
                id=stage.next_id(),
                instance=run.id,
                at=stage.now,
                subscription=sub.id,
                name=sub.name,
                payload=told.get("payload"),
            )
            stage.give(run, arrived)
            return


def _start_by(stage: Stage, by: Trigger, name: str, payload: Any) -> None:
    for element in stage.process.elements.values():
        event = element.event
        named = event is not None and event.trigger is by and name in (event.name, element.id)
        if named and (element.id in stage.process.body.starts or _is_behind_start(stage, element)):
            begin(stage, element.id, payload)
            return


def _is_behind_start(stage: Stage, element: Element) -> bool:
    """Whether the event stands behind an event-based gateway that begins instances."""
    before = (stage.process.elements[stage.process.flows[flow].source] for flow in element.incoming)
    return any(gateway.instantiate for gateway in before)


def signal(stage: Stage, action: Action) -> None:
    """`signal: {name, payload}`: everybody who waits for it gets it; a process that begins with it, begins."""
    told = fields(action, {"name", "payload"})
    name = str(told.get("name", ""))
    if stage.root.state is None:
        _start_by(stage, Trigger.SIGNAL, name, told.get("payload"))
    else:
        stage.signal(name, told.get("payload"))


def escalate(stage: Stage, action: Action) -> None:
    """`escalate: {step, code}`: whoever works on the open step escalates."""
    told = fields(action, {"step", "code", "payload"})
    run, step = stage.find(Address.read(told.get("step")))
    throw(stage, run, step, str(told.get("code", "")), error=False, payload=told.get("payload"))


def throw(stage: Stage, run: Run, step: Step, code: str, **told: Any) -> None:
    """Whoever works on the open step throws an error or an escalation."""
    thrown = i.Throw(id=stage.next_id(), instance=run.id, at=stage.now, step=step.id, code=code, **told)
    stage.give(run, thrown)


def condition(stage: Stage, action: Action) -> None:
    """`condition: {variables}`: the variables change, and conditional events with them."""
    values = action.subject if isinstance(action.subject, dict) else {}
    values = values["variables"] if set(values) == {"variables"} else values
    if stage.root.live.ended:
        return
    changed = i.SetVariables(id=stage.next_id(), instance=stage.root.id, at=stage.now, values=values)
    stage.give(stage.root, changed)


def fields(action: Action, known: set[str]) -> dict[str, Any]:
    """The fields of a step that is written as an object. Raises `CannotDo`."""
    if not isinstance(action.subject, dict) or set(action.subject) - known:
        raise CannotDo(f"{action.verb}: fields {', '.join(sorted(known))} are expected")
    return action.subject
