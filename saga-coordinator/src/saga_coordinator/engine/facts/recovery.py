"""Effects being undone."""

from saga_coordinator.engine.facts.told import Told


class InstanceStopping(Told, frozen=True, kw_only=True, tag="instance-stopping"):
    """Nothing new starts any more. When every command's outcome is known and (if `undo`) every effect is undone, the
    instance takes the final status `then`. `code`: a child ends with this error, which its caller has to catch;
    `partial`: it undoes only what its caller asked for."""

    then: str
    undo: bool = True
    reason: str = ""
    code: str | None = None
    partial: bool = False


class CompensationStarted(Told, frozen=True, kw_only=True, tag="compensation-started"):
    """Completed steps are being undone, in the order given by `orders` (their completion orders, newest first).
    `then` is the final status to take afterwards, or None where `step` (a compensation throw) goes on instead. With
    `awaits` it begins when the outcome of that step is known; what that has done, and what was done in its scope
    `within`, is undone, too: then the fact comes once more, with all orders."""

    compensation: int
    orders: list[int]
    then: str | None = None
    step: int | None = None
    reason: str = ""
    awaits: int | None = None
    within: int | None = None


class UndoStarted(Told, frozen=True, kw_only=True, tag="undo-started"):
    """The effect with completion order `order` (activity `element`) is being undone by step `step`; `handler` is the
    drawn handler that does it, None: the declared undo operation."""

    step: int
    order: int
    element: str
    scope: int
    handler: str | None = None


class Undone(Told, frozen=True, kw_only=True, tag="undone"):
    """The effect is gone. `null`: there was nothing to undo."""

    order: int
    element: str
    step: int | None = None
    null: bool = False


class CompensationEnded(Told, frozen=True, kw_only=True, tag="compensation-ended"):
    """Every effect it was for is undone."""

    compensation: int
