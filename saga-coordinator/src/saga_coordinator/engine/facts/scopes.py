"""The insides of sub-processes, multi-instances and event sub-processes."""

from typing import Any

from saga_coordinator.engine.facts.told import Told


class ScopeOpened(Told, frozen=True, kw_only=True, tag="scope-opened"):
    """The inside of `step` (a sub-process, or an undo handler's snapshot) began. `item`: it is for one item."""

    scope: int
    parent: int
    step: int
    element: str
    variables: dict[str, Any] = {}
    item: int | None = None


class ScopeClosing(Told, frozen=True, kw_only=True, tag="scope-closing"):
    """The scope was interrupted; it is closed when the steps that linger in it are settled."""

    scope: int


class ScopeClosed(Told, frozen=True, kw_only=True, tag="scope-closed"):
    """Nothing is left inside the scope. `completed` is False where it was interrupted; its log stays for undo."""

    scope: int
    completed: bool = True


class ListenerOpened(Told, frozen=True, kw_only=True, tag="listener-opened"):
    """The event sub-process that begins with `element` waits for its event, as step `step` of `scope`."""

    step: int
    element: str
    scope: int


class ListenerClosed(Told, frozen=True, kw_only=True, tag="listener-closed"):
    """The event sub-process waits no more."""

    step: int


class TransactionCancelled(Told, frozen=True, kw_only=True, tag="transaction-cancelled"):
    """Everything inside is undone now; `by` is the cancel end event."""

    scope: int
    by: str


class RoundsPlanned(Told, frozen=True, kw_only=True, tag="rounds-planned"):
    """What is to be done several times in `scope`: `total` items (None: a loop), one for each of `values` if there is
    a collection."""

    scope: int
    total: int | None = None
    values: list[Any] | None = None


class RoundDone(Told, frozen=True, kw_only=True, tag="round-done"):
    """An item of `scope` is done; `result` goes into the list of results if there is one."""

    scope: int
    item: int
    result: Any = None
