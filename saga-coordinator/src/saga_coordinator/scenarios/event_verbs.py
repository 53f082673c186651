"""Steps that make events happen: starts, triggers, messages."""

from typing import Any

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Element, Kind, Trigger
from saga_coordinator.scenarios.language import Action, Address
from saga_coordinator.scenarios.run import INSTANCE, CannotDo, Run


def begin(run: Run, event: str | None, payload: Any = None, **fields: Any) -> None:
    """Start the instance at a start event (None: the only one)."""
    run.give(
        i.Start(
            id=run.next_id(),
            instance=INSTANCE,
            at=run.now,
            process=run.process.id,
            version=run.process.version,
            element=event or _only_start(run),
            payload=payload,
            **fields,
        )
    )


def _only_start(run: Run) -> str | None:
    elements = run.process.elements
    starts = [id_ for id_ in run.process.body.starts if elements[id_].kind is Kind.START_EVENT]
    plain = [id_ for id_ in starts if _trigger(elements[id_]) is Trigger.NONE]
    if len(starts) > 1 and len(plain) != 1:
        raise CannotDo(f"start.event has to say which: {', '.join(starts)}")
    return next(iter(plain or starts), None)


def _trigger(element: Element) -> Trigger:
    return element.event.trigger if element.event else Trigger.NONE


def trigger(run: Run, action: Action) -> None:
    """`trigger: ADDR`: the start, catch or boundary event with this id happens. Raises `CannotDo`."""
    address, payload = Address.read(action.subject), action.companions.get("payload")
    element = run.process.elements.get(address.element)
    if element is None:
        raise CannotDo(f"there is no event {address.element}")
    if element.kind is Kind.START_EVENT and element.parent == run.process.id:
        begin(run, element.id, payload)
        return
    on = action.companions.get("on")
    host = run.find(Address.read(on)).id if on is not None else None
    if _trigger(element) is Trigger.ERROR:
        _throw(run, element, host)
        return
    _fire(run, address, host, payload)


def _fire(run: Run, address: Address, host: int | None, payload: Any) -> None:
    state = run.live
    waiting: list[tuple[int, i.Input]] = []
    for timer in state.timers.values():
        if timer.element == address.element and timer.purpose in {"event", "boundary"}:
            due = i.TimerDue(id=f"t:{INSTANCE}:{timer.id}", instance=INSTANCE, at=run.now, timer=timer.id)
            waiting.append((timer.step, due))
    for sub in state.subscriptions.values():
        if sub.element == address.element:
            waiting.append((sub.step, _arrival(run, sub.id, sub.name, payload)))
    waiting = sorted((w for w in waiting if host is None or w[0] == host), key=lambda w: w[0])
    if address.nth is not None:
        waiting = waiting[address.nth - 1 : address.nth]
    if len(waiting) != 1:
        raise CannotDo(f"{len(waiting)} tokens wait for the event {address.element}")
    run.give(waiting[0][1])


def _arrival(run: Run, subscription: int, name: str, payload: Any) -> i.MessageArrived:
    return i.MessageArrived(
        id=run.next_id(), instance=INSTANCE, at=run.now, subscription=subscription, name=name, payload=payload
    )


def _throw(run: Run, event: Element, host: int | None) -> None:
    """An error boundary event fires because its activity is refused with the event's code."""
    steps = [s for s in run.open_steps() if s.element == event.attached_to and host in (None, s.id)]
    if len(steps) != 1 or steps[0].command is None:
        raise CannotDo(f"{event.attached_to} is not the one open step that could throw to {event.id}")
    code = event.event.code if event.event and event.event.code else "ERROR"
    run.reply(steps[0].command, i.RejectedOutcome(code=code))


def message(run: Run, action: Action) -> None:
    """`message: {name, key, payload}`: the first who waits for it gets it; without a receiver it is lost."""
    told = fields(action, {"name", "key", "payload"})
    name, key = str(told.get("name", "")), told.get("key")
    if run.state is None:
        _start_by_message(run, name, told.get("payload"))
        return
    for sub in sorted(run.state.subscriptions.values(), key=lambda sub: sub.id):
        if sub.name == name and (key is None or sub.key == str(key)):
            run.give(_arrival(run, sub.id, sub.name, told.get("payload")))
            return


def _start_by_message(run: Run, name: str, payload: Any) -> None:
    for id_ in run.process.body.starts:
        event = run.process.elements[id_].event
        if event is not None and event.trigger is Trigger.MESSAGE and event.name == name:
            begin(run, id_, payload)
            return


def fields(action: Action, known: set[str]) -> dict[str, Any]:
    """The fields of a step that is written as an object. Raises `CannotDo`."""
    if not isinstance(action.subject, dict) or set(action.subject) - known:
        raise CannotDo(f"{action.verb}: fields {', '.join(sorted(known))} are expected")
    return action.subject
