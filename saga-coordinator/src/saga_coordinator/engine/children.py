"""Call activities: another process runs as an instance of its own, the child, and tells what becomes of it.

caller -- ChildCalled --> child begins            caller <-- completed, failed, cancelled, escalated -- child
caller -- ChildTold stop / undo --> child         caller <-- cancelled / compensated -- child

A child's id is its caller's id and the number of the calling step: everything that shares a root shares its lane.
"""

from bisect import bisect_left, bisect_right
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.log import orders_to_undo
from saga_coordinator.engine.state import ROOT, Effect, InstanceState, Step
from saga_coordinator.engine.turn import Turn


def call(turn: Turn, step_id: int, process: str, variables: dict[str, Any]) -> None:
    """Ask for the child; asked again after it could not begin, or had been cancelled, it is another one."""
    again = turn.state.steps[step_id].calls + 1
    child = f"{turn.state.id}.{step_id}" if again == 1 else f"{turn.state.id}.{step_id}-{again}"
    turn.emit(f.ChildCalled(step=step_id, child=child, process=process, call=again, variables=variables))


def tell_parent(turn: Turn, outcome: str, *, code: str | None = None, message: str = "", output: Any = None) -> None:
    """The caller learns what became of this instance."""
    state = turn.state
    if state.parent is None:
        return
    turn.emit(
        f.ParentTold(
            number=state.told + 1,
            parent=state.parent,
            step=state.parent_step,
            outcome=outcome,
            code=code,
            message=message,
            output=output,
            times=[state.log[order].at for order in orders_to_undo(state)],
            pivoted=state.pivoted,
        )
    )


def tell_end(turn: Turn) -> None:
    """The caller learns how this instance has ended."""
    state, stopping = turn.state, turn.state.stopping
    if stopping is not None and stopping.partial:
        tell_parent(turn, "compensated")
    elif stopping is not None and stopping.code is not None:
        tell_parent(turn, "failed", code=stopping.code, message=stopping.reason)
    else:
        output = dict(state.scopes[ROOT].variables) if state.status == "completed" else None
        tell_parent(turn, state.status, output=output)


def ask_to_undo(state: InstanceState, step: int, effect: Effect) -> f.ChildTold:
    """What the child of the effect has to undo, told by what may be left of it afterwards."""
    others = (e for e in state.log.values() if e.child == effect.child and not e.undone and e.order != effect.order)
    left = sum(other.count for other in others)
    return f.ChildTold(step=step, child=effect.child or "", what="undo", left=left)


def keep_effects(turn: Turn, step: Step, child: str, times: list[int], *, finished: bool) -> None:
    """What the child did can be undone from now on, in its place among what was done here: `times` (newest first) are
    when it did it. `finished`: a throw reaches it."""
    for group in _groups(turn.state, times):
        turn.emit(
            f.ChildEffectsKept(
                step=step.id,
                element=step.element,
                order=turn.state.order + 1,
                scope=step.scope,
                child=child,
                count=len(group),
                at=group[0],
                finished=finished,
            )
        )


def _groups(state: InstanceState, times: list[int]) -> list[list[int]]:
    """The times, newest first, parted where something was done here in between."""
    here = sorted(effect.at for effect in state.log.values() if not effect.undone and not effect.only_holds)
    groups: list[list[int]] = []
    for at in times:
        if groups and bisect_left(here, groups[-1][-1]) == bisect_right(here, at):
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups[::-1]
