"""The world around an instance, as far as a scenario does not say: what completes by itself, and what probes find."""

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.scenarios.run import CannotDo, Run
from saga_coordinator.scenarios.stage import Stage

_AUTOMATIC = {Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.BUSINESS_RULE_TASK}
_MOST = 10_000
_ABSENT = i.ProbedOutcome(verdict="absent")
_APPLIED = i.ProbedOutcome(verdict="applied")


def settle(stage: Stage) -> None:
    """Let everything happen that needs no step of the scenario. Raises `CannotDo` where that never ends."""
    stage.deliver()
    for _ in range(_MOST):
        if not _act(stage):
            return
    raise CannotDo(f"more than {_MOST} things happened by themselves: does the process ever wait?")


def _act(stage: Stage) -> bool:
    """One thing that happens by itself; whether there was one."""
    for run in list(stage.runs.values()):
        if run.state is None:
            continue
        if _begin_more_items(stage, run):
            return True
        if any(_act_on(stage, run, step) for step in sorted(run.state.steps.values(), key=lambda step: step.id)):
            return True
    return False


def _begin_more_items(stage: Stage, run: Run) -> bool:
    timers = run.live.running_timers()
    due = next((timer for timer in timers if timer.purpose == "items" and timer.due <= stage.now), None)
    if due is not None:
        fire(stage, run, due.id)
    return due is not None


def _act_on(stage: Stage, run: Run, step: Step) -> bool:
    if step.phase is Phase.PROBING:
        return _answer_probe(stage, run, step)
    if step.waits_for == "lock" and step.phase is Phase.WAITING and not run.live.suspended:
        stage.give(run, i.LocksGranted(id=stage.next_id(), instance=run.id, at=stage.now, step=step.id))
        return True
    if step.lingers and step.child is not None and step.child not in stage.runs:
        stage.report(run, step, "cancelled")
        return True
    if run.is_undoing(step):
        return not stage.scenario.holds(step.element) and _do(stage, run, step)
    return _is_automatic(stage, run, step) and _do(stage, run, step)


def _answer_probe(stage: Stage, run: Run, step: Step) -> bool:
    """A command that the scenario never answered was never carried out; one that was accepted has its effect."""
    verdict = run.probes.get(step.id)
    if verdict is None and step.lingers:
        verdict = _APPLIED if step.reference is not None else _ABSENT
    if verdict is None or step.probe is None:
        return False
    stage.reply(run, step.probe, verdict)
    return True


def _do(stage: Stage, run: Run, step: Step) -> bool:
    executing = step.phase is Phase.EXECUTING
    outside = step.child is not None and step.child not in stage.runs and step.phase is not Phase.INCIDENT
    if not (executing or outside or (step.phase is Phase.WAITING and step.waits_for == "person")):
        return False
    stage.finish(run, step, {})
    return True


def _is_automatic(stage: Stage, run: Run, step: Step) -> bool:
    scenario = stage.scenario
    if not scenario.auto or scenario.holds(step.element) or step.phase is not Phase.EXECUTING:
        return False
    return run.process.elements[step.element].kind in _AUTOMATIC and step.element not in scenario.answered


def fire(stage: Stage, run: Run, timer: int) -> None:
    """A timer is due."""
    stage.give(run, i.TimerDue(id=f"t:{run.id}:{timer}", instance=run.id, at=stage.now, timer=timer))


def advance(stage: Stage, ms: int) -> None:
    """Move the clock; timers fire by due time, then by creation."""
    end = stage.now + ms
    while due := _first_due(stage, end):
        moment, number, timer = due
        stage.now = max(stage.now, moment)
        fire(stage, list(stage.runs.values())[number], timer)
        settle(stage)
    stage.now = end


def _first_due(stage: Stage, end: int) -> tuple[int, int, int] | None:
    runs = [(number, run.state) for number, run in enumerate(stage.runs.values()) if run.state is not None]
    timers = [(timer.due, number, timer.id) for number, state in runs for timer in state.running_timers()]
    return min((entry for entry in timers if entry[0] <= end), default=None)
