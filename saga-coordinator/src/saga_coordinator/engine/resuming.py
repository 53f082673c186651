"""Where a retried incident goes on: `IncidentRaised.resume` -> what is done."""

from collections.abc import Callable

from saga_coordinator.engine import commands
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.activities import complete, map_output, move_on, task_of
from saga_coordinator.engine.elements import enter, inclusive_gateway, multi_instance, service_task
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.incidents import UNKNOWN_OUTCOME
from saga_coordinator.engine.listening import listen
from saga_coordinator.engine.outcomes import adopt, applied
from saga_coordinator.engine.process import Kind
from saga_coordinator.engine.recovery import perform
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.turn import Turn

_ASKING = frozenset({Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.BUSINESS_RULE_TASK})

Resume = Callable[[Turn, Step, f.IncidentRaised, i.Retry], None]


def check(turn: Turn, step: Step, retry: i.Retry) -> f.IncidentRaised:
    """The step's incident. Raises `IllegalInput` where a retry needs an answer that it does not have."""
    incident = step.incident
    if incident is None:
        raise IllegalInput("NO_INCIDENT", f"step {step.id} ({step.element}) has no incident")
    if incident.code == UNKNOWN_OUTCOME and retry.happened is None:
        raise IllegalInput("NEEDS_ANSWER", "say whether it happened: nobody else can tell (`happened`: true or false)")
    if retry.happened is not None and not _takes_answer(step, incident):
        raise IllegalInput("NO_QUESTION", f"nobody asks whether step {step.id} ({step.element}) happened")
    if retry.edited is not None and not _takes_input(turn, step, incident):
        raise IllegalInput("NO_INPUT", f"step {step.id} ({step.element}) asks no system: there is no input to edit")
    return incident


def _takes_answer(step: Step, incident: f.IncidentRaised) -> bool:
    """Whether a person may say what became of the step's command. That an undo was done outside is another act, which
    wants evidence."""
    return incident.resume == "probe" or (incident.resume == "again" and step.undoes is None)


def _takes_input(turn: Turn, step: Step, incident: f.IncidentRaised) -> bool:
    """Whether a retry asks a system: once more, or for the first time."""
    return incident.resume == "again" or (incident.resume == "enter" and turn.element(step).kind in _ASKING)


def resume(turn: Turn, step: Step, retry: i.Retry) -> None:
    """Go on where the step's incident says. Raises `IllegalInput` as `check` does."""
    incident = check(turn, step, retry)
    turn.emit(f.IncidentResolved(step=step.id, by=retry.by))
    RESUME[incident.resume](turn, turn.state.steps[step.id], incident, retry)


def _enter(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    if retry.edited is not None:
        service_task.enter(turn, step.id, retry.edited)
    else:
        enter(turn, step.id)


def _again(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    """Ask the system once more, unless somebody has done it outside."""
    if retry.happened is True:
        applied(turn, step, i.CompletedOutcome(output=retry.output), retry.by)
    else:
        commands.again(turn, step, retry.edited)


def _wait(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    """The step is given more time; a system that took it is asked how far it is."""
    if step.command is not None:
        commands.probe(turn, step)
    elif step.inside is not None:
        return
    elif step.child is not None:
        turn.emit(f.StepWaiting(step=step.id, waits_for="child"))
    else:
        turn.emit(f.StepWaiting(step=step.id, waits_for=step.waits_for or "person"))


def _probe(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    if retry.happened is True:
        applied(turn, step, i.CompletedOutcome(output=retry.output), retry.by)
    elif retry.happened is False and step.held:
        adopt(turn, step)
    elif retry.happened is False and step.lingers:
        turn.leave(step.id, [])
    elif retry.happened is False:
        commands.again(turn, step)
    else:
        commands.probe(turn, step)


def _complete(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    complete(turn, step.id, incident.output, incident.references, retry.by)


def _outputs(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    map_output(turn, step.id, incident.output)


def _route(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    move_on(turn, step.id)


def _lock(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    """Wait once more; the place in the queue was kept."""
    lock = task_of(turn.element(step)).lock
    turn.emit(f.StepWaiting(step=step.id, waits_for="lock"))
    commands.wake(turn, turn.state.steps[step.id], "lock", turn.now + (lock.patience if lock else 0))


def _undo(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    perform(turn, step.id)


def _split(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    inclusive_gateway.split(turn, step.id)


def _listen(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    listen(turn, step.id)


def _round(turn: Turn, step: Step, incident: f.IncidentRaised, retry: i.Retry) -> None:
    multi_instance.count_again(turn, step.id)


RESUME: dict[str, Resume] = {
    "enter": _enter,
    "again": _again,
    "probe": _probe,
    "complete": _complete,
    "outputs": _outputs,
    "route": _route,
    "undo": _undo,
    "lock": _lock,
    "split": _split,
    "listen": _listen,
    "round": _round,
    "wait": _wait,
}
