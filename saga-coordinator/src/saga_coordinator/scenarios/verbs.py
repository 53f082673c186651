"""What the steps of a scenario do: one function per verb."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import times
from saga_coordinator.engine.process import TimerKind
from saga_coordinator.engine.state import Step
from saga_coordinator.scenarios.event_verbs import begin, fields, message, trigger
from saga_coordinator.scenarios.expectations import check
from saga_coordinator.scenarios.language import Action, Address
from saga_coordinator.scenarios.run import INSTANCE, CannotDo, Run
from saga_coordinator.scenarios.world import advance, settle


def perform(run: Run, action: Action) -> None:
    """Do one step. Raises `CannotDo`, `IllegalInput`, or `Unexpected` where an `expect` fails."""
    _VERBS[action.verb](run, action)
    settle(run)


def _address(action: Action) -> Address:
    return Address.read(action.subject)


# -- outcomes


def _complete(run: Run, action: Action) -> None:
    again = action.companions.get("times", 1)
    for number in range(int(again)):
        if number:
            settle(run)
        step = run.find(_address(action), first=again != 1)
        run.finish(step, action.companions.get("output", {}), action.companions.get("references"))


def _answer(run: Run, action: Action, outcome: i.Outcome) -> Step:
    step = run.find(_address(action))
    if step.command is None:
        raise CannotDo(f"{step.element} has asked no system: there is nothing to {action.verb}")
    run.reply(step.command, outcome)
    return step


def _reject(run: Run, action: Action) -> None:
    told = action.companions
    outcome = i.RejectedOutcome(
        code=str(told.get("code", "REJECTED")), message=str(told.get("message", "")), details=told.get("details")
    )
    _answer(run, action, outcome)


def _accept(run: Run, action: Action) -> None:
    _answer(run, action, i.AcceptedOutcome(reference=str(action.companions.get("reference", "accepted"))))


def _unavailable(run: Run, action: Action) -> None:
    told = action.companions
    _answer(run, action, i.UnavailableOutcome(reason=str(told.get("reason", "")), retry_after=_seconds(told)))


def _seconds(told: dict[str, Any]) -> float | None:
    value = told.get("retry_after")
    if value is None or isinstance(value, int | float):
        return value
    return _duration(value) / 1000


def _unknown(run: Run, action: Action) -> None:
    told = action.companions
    step = run.find(_address(action))
    run.probes.pop(step.id, None)
    if "probe" in told:
        run.probes[step.id] = i.ProbedOutcome(
            verdict=str(told["probe"]), output=told.get("output", {}), references=told.get("references", {})
        )
    _answer(run, action, i.UnknownOutcome(reason=str(told.get("reason", ""))))


def _late(run: Run, action: Action) -> None:
    address, steps = _address(action), run.live.steps
    over = [
        command
        for element, command in run.commands
        if element == address.element
        and (command.step not in steps or steps[command.step].command is not command or steps[command.step].lingers)
    ]
    if not over:
        raise CannotDo(f"{address.element} has no command whose step is over")
    command = over[(address.nth or len(over)) - 1]
    told = action.companions
    outcome = i.CompletedOutcome(output=told.get("output", {}), references=told.get("references", {}))
    run.reply(command, outcome, suffix="late")


def _error(run: Run, action: Action) -> None:
    told = fields(action, {"step", "code", "message"})
    _reject(run, Action("error", told.get("step"), {k: v for k, v in told.items() if k != "step"}))


# -- gateways, time, people


def _choose(run: Run, action: Action) -> None:
    told = fields(action, {"gateway", "flows"})
    flows = told.get("flows")
    chosen = [str(flow) for flow in (flows if isinstance(flows, list) else [flows])]
    step = run.find(Address.read(told.get("gateway")))
    run.give(i.ChooseFlows(id=run.next_id(), instance=INSTANCE, at=run.now, step=step.id, flows=chosen))


def _advance(run: Run, action: Action) -> None:
    ms = _duration(action.subject)
    due = _first_start(run) if run.state is None else None
    if due is not None and due[0] <= run.now + ms:
        ms -= max(0, due[0] - run.now)
        run.now = max(run.now, due[0])
        begin(run, due[1])
        settle(run)
    advance(run, ms)


def _first_start(run: Run) -> tuple[int, str] | None:
    """When a timer start event of a process that has not started is due first."""
    found = []
    for id_ in run.process.body.starts:
        event = run.process.elements[id_].event
        timer = event.timer if event is not None else None
        if timer is None or timer.expression is not None:
            continue
        if timer.kind is TimerKind.DATE:
            found.append((times.moment(timer.text), id_))
        elif timer.kind is TimerKind.DURATION:
            found.append((times.duration(timer.text).after(run.now), id_))
        else:
            cycle = times.cycle(timer.text)
            found.append((cycle.start if cycle.start is not None else cycle.every.after(run.now), id_))
    return min(found, default=None)


def _duration(value: Any) -> int:
    try:
        parsed = times.duration(str(value))
    except times.BadTime as error:
        raise CannotDo(str(error)) from error
    return parsed.after(0) if not parsed.months else parsed.ms + parsed.months * 30 * 86_400_000


def _operator(run: Run, action: Action) -> None:
    told = dict(action.subject) if isinstance(action.subject, dict) else {}
    verb = next((name for name in told if name in _OPERATOR), None)
    if verb is None:
        raise CannotDo(f"operator: one of {', '.join(sorted(_OPERATOR))} is expected")
    subject = told.pop(verb)
    told.setdefault("by", "operator")
    try:
        _OPERATOR[verb](run, subject, told)
    except TypeError as error:
        raise CannotDo(f"operator {verb}: {error}") from error


def _retry(run: Run, subject: Any, told: dict[str, Any]) -> None:
    step = None
    if isinstance(subject, str) and subject != "all":
        address = Address.read(subject)
        stuck = [s for s in run.live.steps.values() if s.incident is not None and s.element == address.element]
        step = stuck[0].id if len(stuck) == 1 else run.find(address).id
    run.give(i.Retry(id=run.next_id(), instance=INSTANCE, at=run.now, step=step, **told))


def _cancel(run: Run, subject: Any, told: dict[str, Any]) -> None:
    run.give(i.Cancel(id=run.next_id(), instance=INSTANCE, at=run.now, **told))


_OPERATOR: dict[str, Callable[[Run, Any, dict[str, Any]], None]] = {"retry": _retry, "cancel": _cancel}


def _expect(run: Run, action: Action) -> None:
    check(run, action.subject)


def _not_yet(run: Run, action: Action) -> None:
    raise CannotDo(f"the step {action.verb!r} cannot be done yet")


_VERBS: dict[str, Callable[[Run, Action], None]] = {
    "complete": _complete,
    "reject": _reject,
    "accept": _accept,
    "unavailable": _unavailable,
    "unknown": _unknown,
    "late": _late,
    "trigger": trigger,
    "message": message,
    "error": _error,
    "choose": _choose,
    "advance": _advance,
    "operator": _operator,
    "expect": _expect,
    "signal": _not_yet,
    "escalate": _not_yet,
    "condition": _not_yet,
}
