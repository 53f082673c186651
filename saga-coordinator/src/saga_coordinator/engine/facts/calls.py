"""Call activities: what a caller and its children tell each other."""

from typing import Any

from saga_coordinator.engine.facts.told import Told


class ChildCalled(Told, frozen=True, kw_only=True, tag="child-called"):
    """Step `step` runs process `process` as instance `child`, with these variables. `call` counts the tries."""

    step: int
    child: str
    process: str
    call: int = 1
    variables: dict[str, Any] = {}


class ChildTold(Told, frozen=True, kw_only=True, tag="child-told"):
    """The child has to do something: `what` is stop (no undo), undo (until `left` of its effects are
    left), suspend or resume."""

    step: int
    child: str
    what: str
    left: int = 0


class ChildEffectsKept(Told, frozen=True, kw_only=True, tag="child-effects-kept"):
    """The newest `count` effects that `child` has left (until `at`, ms) can be undone as effect `order` of this
    instance. `finished`: the child had completed."""

    step: int
    element: str
    order: int
    scope: int
    child: str
    count: int
    at: int
    finished: bool = True


class PivotPassed(Told, frozen=True, kw_only=True, tag="pivot-passed"):
    """The instance that `step` called is past its point of no return, and with it this one."""

    step: int


class ParentTold(Told, frozen=True, kw_only=True, tag="parent-told"):
    """The instance that called this one learns what became of it: `outcome` is completed, failed (with `code`),
    cancelled, compensated, or (goes on) escalated or pivoted. `times`: when (ms) it did what is left of it, newest
    first."""

    number: int
    parent: str
    step: int
    outcome: str
    code: str | None = None
    message: str = ""
    output: Any = None
    times: list[int] = []
    pivoted: bool = False
