"""What the steps of a scenario do: one function per verb."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import recurrence, times
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.scenarios.event_verbs import (
    begin,
    condition,
    escalate,
    fields,
    message,
    signal,
    throw,
    trigger,
)
from saga_coordinator.scenarios.expectations import check
from saga_coordinator.scenarios.language import Action, Address
from saga_coordinator.scenarios.operator_verbs import operator
from saga_coordinator.scenarios.run import CannotDo, Run
from saga_coordinator.scenarios.stage import Stage
from saga_coordinator.scenarios.world import advance, settle

_VERDICTS = ("applied", "absent", "pending", "several", "impossible")


def perform(stage: Stage, action: Action) -> None:
    """Do one step. Raises `CannotDo`, `IllegalInput`, or `Unexpected` where an `expect` fails."""
    _VERBS[action.verb](stage, action)
    settle(stage)


def _address(action: Action) -> Address:
    return Address.read(action.subject)


# -- outcomes


def _complete(stage: Stage, action: Action) -> None:
    again = action.companions.get("times", 1)
    for number in range(int(again)):
        if number:
            settle(stage)
        run, step = stage.find(_address(action), first=again != 1)
        stage.finish(run, step, action.companions.get("output", {}), action.companions.get("references"))


def _answer(stage: Stage, action: Action, outcome: i.Outcome) -> None:
    run, step = stage.find(_address(action))
    if step.command is None:
        raise CannotDo(f"{step.element} has asked no system: there is nothing to {action.verb}")
    stage.reply(run, step.command, outcome)


def _reject(stage: Stage, action: Action) -> None:
    """A system refuses; a called process that is not loaded fails; a person gives up."""
    told = action.companions
    code, text = str(told.get("code", "REJECTED")), str(told.get("message", ""))
    run, step = stage.find(_address(action))
    if step.command is not None:
        stage.reply(run, step.command, i.RejectedOutcome(code=code, message=text, details=told.get("details")))
    elif step.phase is Phase.CALLING:
        stage.report(run, step, "failed", code=code, message=text)
    else:
        throw(stage, run, step, code, message=text)


def _accept(stage: Stage, action: Action) -> None:
    _answer(stage, action, i.AcceptedOutcome(reference=str(action.companions.get("reference", "accepted"))))


def _unavailable(stage: Stage, action: Action) -> None:
    told = action.companions
    _answer(stage, action, i.UnavailableOutcome(reason=str(told.get("reason", "")), retry_after=_seconds(told)))


def _seconds(told: dict[str, Any]) -> float | None:
    value = told.get("retry_after")
    if value is None or isinstance(value, int | float):
        return value
    return _duration(value) / 1000


def _unknown(stage: Stage, action: Action) -> None:
    told = action.companions
    run, step = stage.find(_address(action))
    run.probes.pop(step.id, None)
    if "probe" in told:
        if told["probe"] not in _VERDICTS:
            raise CannotDo(f"a probe finds {', '.join(_VERDICTS)}; not {told['probe']!r}")
        run.probes[step.id] = i.ProbedOutcome(
            verdict=str(told["probe"]), output=told.get("output", {}), references=told.get("references", {})
        )
    _answer(stage, action, i.UnknownOutcome(reason=str(told.get("reason", ""))))


def _late(stage: Stage, action: Action) -> None:
    address = _address(action)
    over = [(run, command) for run in stage.runs.values() for command in _over(run, address)]
    if not over:
        raise CannotDo(f"{address} has no command whose step is over")
    run, command = over[(address.nth or len(over)) - 1]
    told = action.companions
    outcome = i.CompletedOutcome(output=told.get("output", {}), references=told.get("references", {}))
    stage.reply(run, command, outcome, suffix="late")


def _over(run: Run, address: Address) -> list[Any]:
    steps: dict[int, Step] = run.state.steps if run.state is not None else {}
    return [
        command
        for of, command in run.commands
        if of == address.element
        and address.item in (None, run.items.of(command.step))
        and (command.step not in steps or steps[command.step].command is not command or steps[command.step].lingers)
    ]


def _error(stage: Stage, action: Action) -> None:
    told = fields(action, {"step", "code", "message"})
    _reject(stage, Action("error", told.get("step"), {k: v for k, v in told.items() if k != "step"}))


# -- gateways and time


def _choose(stage: Stage, action: Action) -> None:
    told = fields(action, {"gateway", "flows"})
    flows = told.get("flows")
    chosen = [str(flow) for flow in (flows if isinstance(flows, list) else [flows])]
    run, step = stage.find(Address.read(told.get("gateway")))
    choice = i.ChooseFlows(id=stage.next_id(), instance=run.id, at=stage.now, step=step.id, flows=chosen)
    stage.give(run, choice)


def _advance(stage: Stage, action: Action) -> None:
    ms = _duration(action.subject)
    due = _first_start(stage) if stage.root.state is None else None
    if due is not None and due[0] <= stage.now + ms:
        ms -= max(0, due[0] - stage.now)
        stage.now = max(stage.now, due[0])
        begin(stage, due[1])
        settle(stage)
    advance(stage, ms)


def _first_start(stage: Stage) -> tuple[int, str] | None:
    """When a timer start event of a process that has not started is due first."""
    found, since = [], times.moment(stage.scenario.now)
    for id_ in stage.process.body.starts:
        event = stage.process.elements[id_].event
        timer = event.timer if event is not None else None
        if timer is None or timer.expression is not None:
            continue
        found.append((recurrence.first(timer, timer.text, since)[0], id_))
    return min(found, default=None)


def _duration(value: Any) -> int:
    try:
        parsed = times.duration(str(value))
    except times.BadTime as error:
        raise CannotDo(str(error)) from error
    return parsed.after(0) if not parsed.months else parsed.ms + parsed.months * 30 * 86_400_000


def _expect(stage: Stage, action: Action) -> None:
    check(stage, action.subject)


_VERBS: dict[str, Callable[[Stage, Action], None]] = {
    "complete": _complete,
    "reject": _reject,
    "accept": _accept,
    "unavailable": _unavailable,
    "unknown": _unknown,
    "late": _late,
    "trigger": trigger,
    "message": message,
    "signal": signal,
    "escalate": escalate,
    "error": _error,
    "condition": condition,
    "choose": _choose,
    "advance": _advance,
    "operator": operator,
    "expect": _expect,
}
