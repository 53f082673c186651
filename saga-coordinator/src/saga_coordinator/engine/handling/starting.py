"""How an instance begins."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.deadlines import set_instance_deadline
from saga_coordinator.engine.happening import pass_event
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.listening import open_listeners
from saga_coordinator.engine.process import Element, Kind, Process, Trigger
from saga_coordinator.engine.state import ROOT
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import LONGEST_NAME, is_name


def _start(turn: Turn, start: i.Start) -> bool:
    process = turn.process
    begins = (start.element,) if start.element else _unnamed_start(process)
    begun = _beginning(process, begins[0])
    variables = dict(start.variables)
    if start.payload is not None and begun.kind is Kind.START_EVENT:
        variables |= _payload_variables(turn, begun.task.outputs if begun.task else (), start.payload)
    turn.emit(
        f.InstanceStarted(
            process=process.id,
            version=process.version,
            element=begins[0],
            variables=variables,
            business_key=_short(start.business_key) or _business_key(turn, variables),
            by=start.by,
            digest=start.digest,
            traceparent=start.traceparent,
            parent=start.parent,
            parent_step=start.parent_step,
        )
    )
    if start.suspended is not None:
        turn.emit(f.InstanceSuspended(cause=start.suspended))
    set_instance_deadline(turn)
    open_listeners(turn, ROOT, process.body)
    if begun.kind in (Kind.CATCH_EVENT, Kind.RECEIVE_TASK):
        _begin_by_event(turn, begun, start.payload)
    else:
        for element in begins:
            turn.start(element, ROOT)
    return True


def _begin_by_event(turn: Turn, begun: Element, payload: Any) -> None:
    """The event that begins the instance has happened: its receive task, or the way behind its gateway, is passed."""
    gateway = _instantiating_gateway(turn.process, begun)
    via = None
    if gateway is not None:
        via = next(flow for flow in gateway.outgoing if turn.process.flows[flow].target == begun.id)
        step_id = turn.new_id()
        turn.emit(f.Entered(step=step_id, element=gateway.id, scope=ROOT))
        turn.emit(f.Left(step=step_id, flows=list(gateway.outgoing) if gateway.takes_all else [via]))
        turn.send([flow for flow in gateway.outgoing if gateway.takes_all and flow != via], ROOT)
    step_id = turn.new_id()
    turn.emit(f.Entered(step=step_id, element=begun.id, scope=ROOT, via=via))
    pass_event(turn, step_id, payload)


def _unnamed_start(process: Process) -> tuple[str, ...]:
    """The only none start event; without start events, everything to which nothing leads (BPMN 2.0, 13.3.4)."""
    starts = process.body.starts
    if starts and all(process.elements[s].kind is not Kind.START_EVENT for s in starts):
        return starts
    plain = tuple(s for s in starts if _trigger(process, s) is Trigger.NONE)
    if len(plain) != 1:
        raise IllegalInput("UNKNOWN_ELEMENT", f"{process.id} has {len(plain)} none start events: name one")
    return plain


def _beginning(process: Process, begins: str) -> Element:
    """The element that the instance begins with. Raises `IllegalInput` for one that begins nothing."""
    element = process.elements.get(begins)
    known = element is not None and element.parent == process.id
    if element is None or not known or not (begins in process.body.starts or _instantiating_gateway(process, element)):
        raise IllegalInput("UNKNOWN_ELEMENT", f"{begins} is not a start event of {process.id}")
    return element


def _instantiating_gateway(process: Process, event: Element) -> Element | None:
    """The event-based gateway before the event, if it begins instances."""
    before = (process.elements[process.flows[flow].source] for flow in event.incoming)
    return next((e for e in before if e.kind is Kind.EVENT_GATEWAY and e.instantiate), None)


def _trigger(process: Process, element_id: str) -> Trigger:
    event = process.elements[element_id].event
    return event.trigger if event else Trigger.NONE


def _payload_variables(turn: Turn, mappings: tuple[Any, ...], payload: Any) -> dict[str, Any]:
    try:
        mapped = turn.mapped(mappings, payload) if mappings else payload
    except ExpressionFailed as error:
        raise IllegalInput("BAD_PAYLOAD", str(error)) from error
    return dict(mapped) if isinstance(mapped, dict) else {}


def _business_key(turn: Turn, variables: dict[str, Any]) -> str | None:
    expression = turn.process.business_key.expression
    if expression is None:
        return None
    try:
        value = turn.evaluate(expression, variables)
    except ExpressionFailed as error:
        raise IllegalInput("BUSINESS_KEY", str(error)) from error
    if value is None or isinstance(value, dict | list):
        raise IllegalInput("BUSINESS_KEY", f"{expression.source} gives no business key for these variables")
    return _short(str(value))


def _short(key: str | None) -> str | None:
    if key is not None and not is_name(key):
        raise IllegalInput("BUSINESS_KEY", f"a business key has at most {LONGEST_NAME} characters, and none is NUL")
    return key


HANDLE: dict[type, Callable[[Turn, Any], bool]] = {i.Start: _start}
