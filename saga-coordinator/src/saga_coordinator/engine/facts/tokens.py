"""The instance, its variables and its tokens."""

from typing import Any

from saga_coordinator.engine.facts.told import Told


class InstanceStarted(Told, frozen=True, kw_only=True, tag="instance-started"):
    """A saga began; the root scope (1) is open with these variables."""

    process: str
    version: int
    element: str
    variables: dict[str, Any] = {}
    business_key: str | None = None
    by: str | None = None
    digest: str | None = None
    traceparent: str | None = None
    parent: str | None = None
    parent_step: int = 0


class StatusChanged(Told, frozen=True, kw_only=True, tag="status-changed"):
    """The instance's status: running, waiting, compensating, incident, suspended, or a final one (completed,
    compensated, cancelled, failed)."""

    status: str


class VariablesMerged(Told, frozen=True, kw_only=True, tag="variables-merged"):
    """These top-level variables of `scope` have new values."""

    scope: int
    values: dict[str, Any]


class Entered(Told, frozen=True, kw_only=True, tag="entered"):
    """A token arrived at flow node `element` of `scope` (by flow `via`); it is step `step` until it leaves. `body`: it
    is the activity as a whole, whose items enter for themselves (`item`, from 1)."""

    step: int
    element: str
    scope: int
    via: str | None = None
    item: int | None = None
    body: bool = False


class Left(Told, frozen=True, kw_only=True, tag="left"):
    """The step is over; tokens go out along `flows` (none: the token ends here)."""

    step: int
    flows: list[str] = []


class Joined(Told, frozen=True, kw_only=True, tag="joined"):
    """These waiting tokens were merged into `into`, which goes on."""

    steps: list[int]
    into: int


class Interrupted(Told, frozen=True, kw_only=True, tag="interrupted"):
    """The step was ended from outside (`by` names the element that did it). `lingers`: a command is out, so the
    step stays open, off the path, until a probe has told its outcome."""

    step: int
    by: str | None = None
    lingers: bool = False
