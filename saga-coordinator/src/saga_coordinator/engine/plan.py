"""What recovery would do now: the undo plan of an instance, before anyone presses the button."""

from typing import Any

import msgspec

from saga_coordinator.engine.log import orders_to_undo
from saga_coordinator.engine.process import Process
from saga_coordinator.engine.state import InstanceState


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One undo: `operation` with its rendered `input`, or the drawn `handler`, or what is newest
    (`count` effects) of what an instance did that was called (`child`). `undoable` False: nothing is declared
    that undoes it (`reason`)."""

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
    """The effects that a cancel with undo would undo, in that order. Steps whose outcome is open are not in it yet."""
    return [_planned(process, state, order) for order in orders_to_undo(state)]


def _planned(process: Process, state: InstanceState, order: int) -> PlannedStep:
    effect = state.log[order]
    undo = effect.undo
    known = process.elements.get(effect.element)
    undoable = undo is not None or effect.handler is not None or effect.child is not None
    return PlannedStep(
        order=order,
        element=effect.element,
        name=known.name if known else "",
        operation=undo.operation if undo else None,
        system=undo.system if undo else None,
        input=undo.input if undo else None,
        handler=effect.handler,
        child=effect.child,
        count=effect.count,
        undoable=undoable,
        reason="" if undoable else "no undo is declared for this operation",
    )
