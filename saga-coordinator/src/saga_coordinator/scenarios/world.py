"""The world around an instance, as far as a scenario does not say: what completes by itself, and what probes find."""

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.scenarios.run import INSTANCE, CannotDo, Run

_AUTOMATIC = {Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.BUSINESS_RULE_TASK}
_MOST = 10_000
_ABSENT = i.ProbedOutcome(verdict="absent")
_APPLIED = i.ProbedOutcome(verdict="applied")


def settle(run: Run) -> None:
    """Let everything happen that needs no step of the scenario. Raises `CannotDo` where that never ends."""
    for _ in range(_MOST):
        if run.state is None or not any(_act(run, step) for step in sorted(run.state.steps.values(), key=_age)):
            return
    raise CannotDo(f"more than {_MOST} things happened by themselves: does the process ever wait?")


def _age(step: Step) -> int:
    return step.id


def _act(run: Run, step: Step) -> bool:
    if step.phase is Phase.PROBING:
        return _answer_probe(run, step)
    if run.is_undoing(step):
        return not run.scenario.holds(step.element) and _do(run, step)
    return _is_automatic(run, step) and _do(run, step)


def _answer_probe(run: Run, step: Step) -> bool:
    """A command that the scenario never answered was never carried out; one that was accepted has its effect."""
    verdict = run.probes.get(step.id)
    if verdict is None and step.lingers:
        verdict = _APPLIED if step.reference is not None else _ABSENT
    if verdict is None or step.probe is None:
        return False
    run.reply(step.probe, verdict)
    return True


def _do(run: Run, step: Step) -> bool:
    if step.phase is Phase.EXECUTING and step.command is not None:
        run.reply(step.command, i.CompletedOutcome(output={}))
    elif step.phase is Phase.WAITING and step.waits_for == "person":
        run.give(i.CompleteStep(id=run.next_id(), instance=INSTANCE, at=run.now, step=step.id, output={}))
    else:
        return False
    return True


def _is_automatic(run: Run, step: Step) -> bool:
    scenario = run.scenario
    if not scenario.auto or scenario.holds(step.element) or step.phase is not Phase.EXECUTING:
        return False
    return run.process.elements[step.element].kind in _AUTOMATIC and step.element not in scenario.answered


def advance(run: Run, ms: int) -> None:
    """Move the clock; timers fire by due time, then by creation."""
    end = run.now + ms
    while run.state is not None:
        due = min(((t.due, t.id) for t in run.state.timers.values() if t.due <= end), default=None)
        if due is None:
            break
        run.now = max(run.now, due[0])
        run.give(i.TimerDue(id=f"t:{INSTANCE}:{due[1]}", instance=INSTANCE, at=run.now, timer=due[1]))
        settle(run)
    run.now = end
