"""What people do. An act that makes no sense raises `IllegalInput`, and nothing has changed."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import migrating, suspending
from saga_coordinator.engine.elements import multi_instance
from saga_coordinator.engine.handling.arriving import go_on
from saga_coordinator.engine.happening import fire
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.interrupting import interrupt
from saga_coordinator.engine.outcomes import applied
from saga_coordinator.engine.process import Element, Kind, Trigger
from saga_coordinator.engine.recovery import stop
from saga_coordinator.engine.repairing import by_hand, move, replaced, skip
from saga_coordinator.engine.resuming import check, resume
from saga_coordinator.engine.state import ROOT, Phase, Step
from saga_coordinator.engine.throwing import throw_error, throw_escalation
from saga_coordinator.engine.turn import Turn
from saga_coordinator.engine.waiting import disarm


def _complete_step(turn: Turn, act: i.CompleteStep) -> bool:
    step = _open_step(turn, act.step)
    waits = step.phase is Phase.WAITING or (step.incident is not None and step.incident.resume == "wait")
    for_somebody = waits and step.waits_for in ("person", "message")
    if not for_somebody and step.phase is not Phase.ACCEPTED:
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
    if turn.state.suspended:
        raise IllegalInput("SUSPENDED", "the instance is suspended: resume it first")
    wanted = list(turn.state.incidents) if act.step is None else [_open_step(turn, act.step).id]
    if not wanted:
        raise IllegalInput("NO_INCIDENT", "the instance has no incident")
    for step_id in wanted:
        check(turn, turn.state.steps[step_id], act)
    turn.emit(_retried(turn, act))
    for step_id in wanted:
        step = turn.state.steps.get(step_id)
        if step is not None and step.incident is not None:
            resume(turn, step, act)
    return True


def _retried(turn: Turn, act: i.Retry) -> f.OperatorActed:
    """What is told of a retry: with an edited input, both inputs; with an answer, the answer."""
    before = after = None
    if act.step is not None and act.edited is not None:
        asked = turn.state.steps[act.step].command
        before, after = {"input": asked.input if asked else None}, {"input": act.edited}
    elif act.happened is not None:
        after = {"happened": act.happened, "output": act.output}
    return f.OperatorActed(action="retry", by=act.by, reason=act.reason, step=act.step, before=before, after=after)


def _cancel(turn: Turn, act: i.Cancel) -> bool:
    _expect(turn, act.expected_seq)
    if turn.state.ended:
        raise IllegalInput("ENDED", f"the instance is {turn.state.status}")
    if act.undo and turn.state.pivoted:
        raise IllegalInput("PAST_PIVOT", "the point of no return is passed: cancel without undo, or let it go forward")
    stopping = turn.state.stopping
    if stopping is not None and (act.undo or not turn.state.incidents):
        raise IllegalInput("ALREADY_STOPPING", f"the instance is on its way to {stopping.then}")
    turn.emit(f.OperatorActed(action="cancel", by=act.by, reason=act.reason, after={"undo": act.undo}))
    if turn.state.suspended:
        suspending.resume(turn)
    if stopping is not None:
        _abandon(turn)
    stop(turn, "compensated" if act.undo else "cancelled", undo=act.undo, reason=act.reason or "cancelled")
    return True


def _erase(turn: Turn, act: i.Erase) -> bool:
    _expect(turn, act.expected_seq)
    if turn.state.parent is not None and act.of != turn.state.parent:
        raise IllegalInput("NOT_ROOT", f"the values of a called process go with its caller's, {turn.state.parent}")
    if not turn.state.ended or turn.state.incidents:
        raise IllegalInput("NOT_ENDED", f"the instance is {turn.state.status}: it needs its values until it has ended")
    turn.emit(f.OperatorActed(action="erase", by=act.by, reason=act.reason))
    turn.emit(f.ValuesErased(identifiers=act.identifiers))
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
    if step.inside is not None:  # a loop of which nobody can tell whether it goes on: it does not
        multi_instance.close(turn, step.id, step.inside)
    disarm(turn, step.id)
    turn.leave(step.id, list(choice.flows))
    return True


def _set_variables(turn: Turn, act: i.SetVariables) -> bool:
    _expect(turn, act.expected_seq)
    if turn.state.ended:
        raise IllegalInput("ENDED", f"the instance is {turn.state.status}")
    scope = ROOT if act.step is None else _open_step(turn, act.step).scope
    told = f.OperatorActed(
        action="set-variables",
        by=act.by,
        reason=act.reason,
        step=act.step,
        before=replaced(turn, scope, act.values),
        after={"variables": act.values},
    )
    turn.emit(told)
    turn.merge(scope, act.values)
    return True


def _throw(turn: Turn, act: i.Throw) -> bool:
    step = _open_step(turn, act.step)
    if step.lingers or step.undoes is not None or step.phase is Phase.INCIDENT:
        raise IllegalInput("NOT_OPEN", f"nobody works on step {step.id} ({step.element}) now")
    if act.error and step.command is not None:
        raise IllegalInput("NOT_OPEN", f"step {step.id} ({step.element}) is a system's: it fails by what that replies")
    if act.error:
        throw_error(turn, step.id, act.code, act.message, resume="enter")
    else:
        throw_escalation(turn, step.id, act.code, act.payload)
    return True


def _fire_event(turn: Turn, act: i.FireEvent) -> bool:
    _expect(turn, act.expected_seq)
    step = _open_step(turn, act.step)
    event = turn.process.elements.get(act.element)
    if event is None or step.lingers or not _waits_for(turn, step, event):
        raise IllegalInput("NOT_OPEN", f"step {step.id} ({step.element}) does not wait for {act.element}")
    after = {"element": act.element}
    turn.emit(f.OperatorActed(action="fire-event", by=act.by, reason=act.reason, step=act.step, after=after))
    fire(turn, step, event, act.payload)
    return True


def _waits_for(turn: Turn, step: Step, event: Element) -> bool:
    inside = turn.state.scopes.get(step.inside or 0) if step.inside is not None else None
    is_compensated = event.event is not None and event.event.trigger is Trigger.COMPENSATE
    if is_compensated or (inside is not None and inside.cancelled):
        return False
    if event.id in turn.boundary(step) or (step.listens and step.element == event.id):
        return True
    if step.phase is not Phase.WAITING:
        return False
    element = turn.element(step)
    if element.kind is Kind.EVENT_GATEWAY:
        return any(turn.process.flows[flow].target == event.id for flow in element.outgoing)
    return step.element == event.id and event.kind in (Kind.CATCH_EVENT, Kind.RECEIVE_TASK)


def _skip(turn: Turn, act: i.Skip) -> bool:
    _expect(turn, act.expected_seq)
    skip(turn, _open_step(turn, act.step), act)
    return True


def _move(turn: Turn, act: i.Move) -> bool:
    _expect(turn, act.expected_seq)
    move(turn, _open_step(turn, act.step), act)
    return True


def _by_hand(turn: Turn, act: i.ByHand) -> bool:
    _expect(turn, act.expected_seq)
    by_hand(turn, _open_step(turn, act.step), act)
    return True


def _suspend(turn: Turn, act: i.Suspend) -> bool:
    """Whoever suspends a whole process asks all of its instances, however they stand."""
    _expect(turn, act.expected_seq)
    ended, known = turn.state.ended, act.cause in turn.state.suspensions
    if (ended or known) and not act.cause:
        raise IllegalInput("ENDED" if ended else "SUSPENDED", f"the instance is {turn.state.status}")
    if not (ended or known):
        turn.emit(f.OperatorActed(action="suspend", by=act.by, reason=act.reason))
        suspending.suspend(turn, act.cause)
    return True


def _resume(turn: Turn, act: i.Resume) -> bool:
    _expect(turn, act.expected_seq)
    if act.cause is not None and act.cause not in turn.state.suspensions:
        return True
    if not turn.state.suspended:
        raise IllegalInput("NOT_SUSPENDED", f"the instance is {turn.state.status}")
    turn.emit(f.OperatorActed(action="resume", by=act.by, reason=act.reason))
    go_on(turn, act.cause)
    return True


def _migrate(turn: Turn, act: i.Migrate) -> bool:
    _expect(turn, act.expected_seq)
    migrating.migrate(turn, act)
    return True


HANDLE: dict[type, Callable[[Turn, Any], bool]] = {
    i.CompleteStep: _complete_step,
    i.Retry: _retry,
    i.Cancel: _cancel,
    i.Erase: _erase,
    i.ChooseFlows: _choose_flows,
    i.Skip: _skip,
    i.Move: _move,
    i.ByHand: _by_hand,
    i.Suspend: _suspend,
    i.Resume: _resume,
    i.Migrate: _migrate,
    i.SetVariables: _set_variables,
    i.Throw: _throw,
    i.FireEvent: _fire_event,
}
