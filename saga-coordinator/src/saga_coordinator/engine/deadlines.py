"""Deadlines: how long a step, or a whole instance, may take, whoever it waits for.

A step that is late throws the error `DEADLINE_PASSED`, if a boundary event or an event sub-process is for that; else a
person is told, and the step goes on waiting. An instance that is late is undone, or a person is told.
"""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.commands import wake
from saga_coordinator.engine.incidents import DEADLINE_PASSED, raise_incident
from saga_coordinator.engine.process import Task
from saga_coordinator.engine.recovery import stop
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.engine.throwing import is_caught, throw_error
from saga_coordinator.engine.turn import Turn


def set_deadline(turn: Turn, step_id: int, task: Task) -> None:
    """The step begins: its deadline runs."""
    if task.deadline is not None:
        wake(turn, turn.state.steps[step_id], "deadline", turn.now + task.deadline)


def set_instance_deadline(turn: Turn) -> None:
    """The instance begins: its deadline runs."""
    deadline = turn.process.deadline
    if deadline is not None:
        turn.emit(f.TimerSet(timer=turn.new_id(), step=0, due=turn.now + deadline.after, purpose="deadline"))


def step_late(turn: Turn, step: Step) -> None:
    """The step has not come to an end in time."""
    if step.lingers or step.completed:
        return
    turn.emit(f.DeadlinePassed(step=step.id))
    if is_caught(turn, step, DEADLINE_PASSED):
        throw_error(turn, step.id, DEADLINE_PASSED)
    elif step.incident is None:
        raise_incident(turn, step.id, DEADLINE_PASSED, f"{step.element} takes longer than it may", "wait")


def instance_late(turn: Turn) -> None:
    """The instance has not come to an end in time."""
    state, deadline = turn.state, turn.process.deadline
    turn.emit(f.DeadlinePassed(step=0))
    if state.ended or state.stopping is not None:
        return
    if deadline is not None and deadline.undo and not state.pivoted:
        stop(turn, "compensated", undo=True, reason=DEADLINE_PASSED)
        return
    waiting = [step for step in state.steps.values() if step.phase is not Phase.INSIDE and step.incident is None]
    oldest = next((step for step in waiting if not step.listens and not step.lingers), None)
    if oldest is not None:
        raise_incident(turn, oldest.id, DEADLINE_PASSED, "the instance takes longer than it may", "wait")
