"""What recovery would do now: the undo plan of an instance, before anyone presses the button."""

from typing import Any

import msgspec

from saga_coordinator.engine.log import orders_to_undo
from saga_coordinator.engine.process import Process
from saga_coordinator.engine.state import InstanceState, open_calls


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One undo: `operation` with its rendered `input`, the drawn `handler`, or what is newest (`count` effects; 0: all)
    of what the instance `child` did. `undoable` False: nothing is declared that undoes it (`reason`)."""

    order: int
    element: str
    name: str = ""
    operation: str | None = None
    system: str | None = None
    input: Any = None
    handler: str | None = None
    child: str | None = None
    count: int = 0
    undoable: bool = True
    reason: str = ""


def undo_plan(process: Process, state: InstanceState) -> list[PlannedStep]:
    """The effects that a cancel with undo would undo, in that order. What called instances have done so far comes
    first: they are stopped before anything is undone. Other steps whose outcome is open are not in it yet."""
    calling = [step for step in open_calls(state) if step.undoes is None]
    newest = state.order + len(calling)
    running = [
        PlannedStep(order=newest - n, element=step.element, name=_name(process, step.element), child=step.child)
        for n, step in enumerate(reversed(calling))
    ]
    return running + [_planned(process, state, order) for order in orders_to_undo(state)]


def stands_against(state: InstanceState) -> str:
    """Why a cancel with undo would be refused now; "": it would not."""
    if state.ended:
        return f"the instance is {state.status}"
    if state.pivoted:
        return "the point of no return is passed: cancel without undo, or let it go forward"
    if state.stopping is not None:
        return f"the instance is on its way to {state.stopping.then}"
    return ""


def _planned(process: Process, state: InstanceState, order: int) -> PlannedStep:
    effect = state.log[order]
    undo = effect.undo
    child = effect.child if effect.handler is None else None
    undoable = undo is not None or effect.handler is not None or child is not None
    return PlannedStep(
        order=order,
        element=effect.element,
        name=_name(process, effect.element),
        operation=undo.operation if undo else None,
        system=undo.system if undo else None,
        input=undo.input if undo else None,
        handler=effect.handler,
        child=child,
        count=effect.count,
        undoable=undoable,
        reason="" if undoable else "no undo is declared for this operation",
    )


def _name(process: Process, element: str) -> str:
    known = process.elements.get(element)
    return known.name if known else ""
