"""What happens: one input on one instance gives facts, or `IllegalInput` and nothing at all."""

from collections.abc import Callable
from typing import Any

import msgspec

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import times
from saga_coordinator.engine.commands import again, probe, wake
from saga_coordinator.engine.elements import catch_event, enter, event_gateway, sub_process
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.incidents import CANNOT_BE_HANDLED, raise_incident
from saga_coordinator.engine.interrupting import interrupt
from saga_coordinator.engine.locking import granted, timed_out
from saga_coordinator.engine.outcomes import applied, reply, unknown
from saga_coordinator.engine.process import Kind, Process, Trigger
from saga_coordinator.engine.recovery import conclude, end, proceed, stop, undone
from saga_coordinator.engine.resuming import check, resume
from saga_coordinator.engine.state import BUSY, ROOT, InstanceState, Phase, Step, Timer
from saga_coordinator.engine.throwing import fire_boundary
from saga_coordinator.engine.turn import ExpressionFailed, Turn
from saga_coordinator.engine.waiting import LONGEST_NAME, disarm, is_name, repetition


class Decision(msgspec.Struct, frozen=True):
    """The facts to journal and the state they lead to. No facts: there is nothing to journal (the input is stale).
    `returned`: the message was for a subscription that is over, and wants another receiver."""

    facts: list[f.Fact]
    state: InstanceState
    returned: bool = False


def decide(process: Process, state: InstanceState | None, input_: i.Input) -> Decision:
    """Decide what `input_` does to an instance (None: not started yet). `state` does not change.

    Raises `IllegalInput` for a start, a person's act or a choice that makes no sense; replies, timers and messages
    that come too late never raise.
    """
    if isinstance(input_, i.Start):
        if state is not None:
            raise IllegalInput("ALREADY_STARTED", f"instance {state.id} exists")
        state = InstanceState(id=input_.instance)
    elif state is None:
        raise IllegalInput("NOT_STARTED", f"instance {input_.instance} does not exist")
    draft = state.fork()
    draft.now = max(state.now, input_.at)
    turn = Turn(process, draft, draft.now)
    returned = not _INPUTS[type(input_)](turn, input_)
    if turn.facts:
        settle(turn)
    draft.seq += 1 if turn.facts else 0
    return Decision(turn.facts, draft, returned)


def settle(turn: Turn) -> None:
    """Let everything go as far as it can without the outside world, then say what the instance's status is."""
    while True:
        turn.run(enter, finish)
        if not proceed(turn) and not conclude(turn):
            break
    status = status_of(turn.state)
    if status != turn.state.status:
        turn.emit(f.StatusChanged(status=status))


def status_of(state: InstanceState) -> str:
    """The open status that the steps imply; a final one stays."""
    if state.ended and not state.incidents:
        return state.status
    if state.incidents:
        return "incident"
    if state.stopping is not None:
        return "compensating" if state.stopping.undo else "running"
    if any(step.phase in BUSY for step in state.steps.values()):
        return "running"
    return "waiting"


def finish(turn: Turn, scope_id: int) -> None:
    """Nothing is left in the scope."""
    if scope_id == ROOT:
        if turn.state.stopping is None and not turn.state.compensations and not turn.state.ended:
            end(turn, "completed")
        return
    scope = turn.state.scopes[scope_id]
    owner = turn.state.steps[scope.step]
    if scope.closing:
        turn.emit(f.ScopeClosed(scope=scope_id, completed=False))
        turn.leave(owner.id, [])
    elif owner.undoes is not None:
        turn.emit(f.ScopeClosed(scope=scope_id))
        undone(turn, owner.id)
    else:
        sub_process.finish(turn, owner.id, scope_id)


# -- inputs: each returns False where a message wants another receiver


def _start(turn: Turn, start: i.Start) -> bool:
    process = turn.process
    begins = (start.element,) if start.element else _unnamed_start(process)
    outputs = _start_outputs(process, begins)
    variables = dict(start.variables)
    if start.payload is not None:
        variables |= _payload_variables(turn, outputs, start.payload)
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
        )
    )
    for element in begins:
        turn.start(element, ROOT)
    return True


def _unnamed_start(process: Process) -> tuple[str, ...]:
    """The only none start event; without start events, everything to which nothing leads (BPMN 2.0, 13.3.4)."""
    starts = process.body.starts
    if starts and all(process.elements[s].kind is not Kind.START_EVENT for s in starts):
        return starts
    plain = tuple(s for s in starts if _trigger(process, s) is Trigger.NONE)
    if len(plain) != 1:
        raise IllegalInput("UNKNOWN_ELEMENT", f"{process.id} has {len(plain)} none start events: name one")
    return plain


def _start_outputs(process: Process, begins: tuple[str, ...]) -> tuple[Any, ...]:
    """The mappings of the start event. Raises `IllegalInput` for an element that begins nothing."""
    element = process.elements.get(begins[0])
    if element is None or element.parent != process.id or begins[0] not in process.body.starts:
        raise IllegalInput("UNKNOWN_ELEMENT", f"{begins[0]} is not a start event of {process.id}")
    return element.task.outputs if element.task and element.kind is Kind.START_EVENT else ()


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


def _reply(turn: Turn, answer: i.Reply) -> bool:
    reply(turn, answer)
    return True


def _timer_due(turn: Turn, due: i.TimerDue) -> bool:
    timer = turn.state.timers.get(due.timer)
    if timer is None:
        return True
    turn.emit(f.TimerCleared(timer=timer.id, fired=True))
    step = turn.state.steps[timer.step]
    if timer.purpose == "retry":
        again(turn, step)
    elif timer.purpose == "probe":
        probe(turn, step)
    elif timer.purpose == "lock":
        timed_out(turn, step.id)
    else:
        _fire(turn, step, timer.element or "", None)
        _repeat(turn, timer)
    return True


def _repeat(turn: Turn, timer: Timer) -> None:
    step = turn.state.steps.get(timer.step)
    if timer.repeat is None or step is None or step.lingers or timer.purpose != "boundary":
        return
    cycle = times.cycle(timer.repeat)
    due = times.next_after(timer.due, cycle.every, turn.now)
    wake(turn, step, timer.purpose, due, timer.element, repetition(timer.repeat, cycle))


def _message_arrived(turn: Turn, message: i.MessageArrived) -> bool:
    subscription = turn.state.subscriptions.get(message.subscription)
    if subscription is None or subscription.name != message.name:
        return False
    element = turn.process.elements[subscription.element]
    if element.kind is not Kind.BOUNDARY_EVENT or element.interrupting:
        turn.emit(f.Unsubscribed(subscription=subscription.id, fired=True))
    _fire(turn, turn.state.steps[subscription.step], subscription.element, message.payload)
    return True


def _fire(turn: Turn, step: Step, event: str, payload: Any) -> None:
    """The event element `event`, for which `step` waits, happens."""
    element = turn.process.elements[event]
    if element.kind is Kind.BOUNDARY_EVENT:
        fire_boundary(turn, step.id, element, payload)
    elif step.element == event:
        catch_event.fire(turn, step.id, payload)
    else:
        event_gateway.fire(turn, step.id, event, payload)


def _complete_step(turn: Turn, act: i.CompleteStep) -> bool:
    step = _open_step(turn, act.step)
    by_hand = step.phase is Phase.WAITING and step.waits_for in ("person", "message")
    if not by_hand and step.phase is not Phase.ACCEPTED:
        raise IllegalInput("NOT_OPEN", f"step {step.id} ({step.element}) does not wait for anybody ({step.phase})")
    applied(turn, step, i.CompletedOutcome(output=act.output), act.by)
    return True


def _open_step(turn: Turn, step_id: int) -> Step:
    step = turn.state.steps.get(step_id)
    if step is None:
        raise IllegalInput("NO_SUCH_STEP", f"step {step_id} is not open")
    return step


def _retry(turn: Turn, act: i.Retry) -> bool:
    _expect(turn, act.expected_seq)
    wanted = list(turn.state.incidents) if act.step is None else [_open_step(turn, act.step).id]
    if not wanted:
        raise IllegalInput("NO_INCIDENT", "the instance has no incident")
    for step_id in wanted:
        check(turn.state.steps[step_id], act)
    turn.emit(f.OperatorActed(action="retry", by=act.by, reason=act.reason, step=act.step))
    for step_id in wanted:
        step = turn.state.steps.get(step_id)
        if step is not None and step.incident is not None:
            resume(turn, step, act)
    return True


def _cancel(turn: Turn, act: i.Cancel) -> bool:
    _expect(turn, act.expected_seq)
    if turn.state.ended:
        raise IllegalInput("ENDED", f"the instance is {turn.state.status}")
    if act.undo and turn.state.pivoted:
        raise IllegalInput("PAST_PIVOT", "the point of no return is passed: cancel without undo, or let it go forward")
    stopping = turn.state.stopping
    if stopping is not None and (act.undo or not turn.state.incidents):
        raise IllegalInput("ALREADY_STOPPING", f"the instance is on its way to {stopping.then}")
    turn.emit(f.OperatorActed(action="cancel", by=act.by, reason=act.reason))
    if stopping is not None:
        _abandon(turn)
    stop(turn, "compensated" if act.undo else "cancelled", undo=act.undo, reason=act.reason or "cancelled")
    return True


def _abandon(turn: Turn) -> None:
    """Give up the undo that is at work."""
    for step_id in list(turn.state.scopes[ROOT].steps):
        interrupt(turn, step_id)
    for walk in list(turn.state.compensations):
        turn.emit(f.CompensationEnded(compensation=walk))


def _expect(turn: Turn, seq: int | None) -> None:
    if seq is not None and seq != turn.state.seq:
        raise IllegalInput("MOVED", f"the instance has moved on from {seq} to {turn.state.seq}: look again")


def _choose_flows(turn: Turn, choice: i.ChooseFlows) -> bool:
    step = _open_step(turn, choice.step)
    element = turn.element(step)
    if step.waits_for != "choice":
        raise IllegalInput("NOT_OPEN", f"step {step.id} ({step.element}) does not wait for a choice")
    unknown_flows = set(choice.flows) - set(element.outgoing)
    if unknown_flows or not choice.flows:
        raise IllegalInput("NO_SUCH_FLOW", f"{element.id} has no outgoing flow {', '.join(unknown_flows) or '(none)'}")
    disarm(turn, step.id)
    turn.leave(step.id, list(choice.flows))
    return True


def _locks_granted(turn: Turn, grant: i.LocksGranted) -> bool:
    if granted(turn, grant.step):
        enter(turn, grant.step)
    return True


def _locks_busy(turn: Turn, busy: i.LocksBusy) -> bool:
    request = turn.state.locks.get(busy.step)
    if request is not None and not request.taken:
        turn.emit(f.LocksBusy(step=busy.step, holders=busy.holders))
    return True


def _failed(turn: Turn, failure: i.Failed) -> bool:
    """An input could not be handled: its step, or the first that is open, waits for a person."""
    open_steps = [step for step in turn.state.steps.values() if step.phase not in (Phase.INSIDE, Phase.INCIDENT)]
    step = next((step for step in open_steps if step.id == failure.step), open_steps[0] if open_steps else None)
    if step is None:
        return True
    if step.phase in (Phase.EXECUTING, Phase.PROBING, Phase.PROBE_WAIT, Phase.ACCEPTED):
        resume_at = "probe"
    else:
        resume_at = "again" if step.phase is Phase.BACKOFF else "enter"
    disarm(turn, step.id)
    raise_incident(turn, step.id, CANNOT_BE_HANDLED, failure.reason, resume_at)
    return True


def _nudge(turn: Turn, nudge: i.Nudge) -> bool:
    """A command without a reply past its time has an unknown outcome."""
    for step in list(turn.state.steps.values()):
        command = step.command
        if step.phase is Phase.EXECUTING and command is not None and command.at + command.timeout < turn.now:
            unknown(turn, step, "no reply in time", no_reply=True)
    return True


_INPUTS: dict[type, Callable[[Turn, Any], bool]] = {
    i.Start: _start,
    i.Reply: _reply,
    i.TimerDue: _timer_due,
    i.MessageArrived: _message_arrived,
    i.CompleteStep: _complete_step,
    i.Retry: _retry,
    i.Cancel: _cancel,
    i.ChooseFlows: _choose_flows,
    i.LocksGranted: _locks_granted,
    i.LocksBusy: _locks_busy,
    i.Failed: _failed,
    i.Nudge: _nudge,
}
