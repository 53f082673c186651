"""What happens to one instance in one batch: its inputs in order, each decided on the state that the one before left,
and their results. A chain stands or falls as a whole."""

from collections.abc import Sequence

import msgspec

from saga_coordinator.cache import Known
from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import BusinessKey
from saga_coordinator.store.journal import Row
from saga_coordinator.store.queued import Queued
from saga_coordinator.store.refusals import Refusal
from service_kit.broker import Delivery


class Item(msgspec.Struct, frozen=True, eq=False):
    """One input and the delivery that brought it."""

    delivery: Delivery
    input: i.Input


class Journalled(msgspec.Struct, frozen=True):
    """It is a new journal row. `state` is what is then true, `business_key` what its process says of its key."""

    row: Row
    facts: list[f.Fact]
    state: InstanceState
    input: i.Input
    business_key: BusinessKey

    @property
    def owns_key(self) -> bool:
        """Whether the instance's business key is its own: a child without one of its own is found by its caller's."""
        return self.state.parent is None or self.business_key.expression is not None


class Duplicate(msgspec.Struct, frozen=True):
    """The journal has it already."""


class Refused(msgspec.Struct, frozen=True):
    """It makes no sense; whoever sent it is told."""

    refusal: Refusal


class Waiting(msgspec.Struct, frozen=True):
    """A start that waits until its business key is free."""

    queued: Queued


class Returned(msgspec.Struct, frozen=True):
    """A message whose subscription is over: it goes to somebody else."""


class Stale(msgspec.Struct, frozen=True):
    """Its time is over, and it does not matter."""


class Poisoned(msgspec.Struct, frozen=True):
    """Nobody can handle it."""

    reason: str


Result = Journalled | Duplicate | Refused | Waiting | Returned | Stale | Poisoned


class Chain(msgspec.Struct):
    """The inputs of one instance and their results. `suspicious`: one of them made no sense on the state it met."""

    instance: str
    items: list[Item]
    known: Known | None
    results: list[Result] = []
    state: InstanceState | None = None
    suspicious: bool = False
    fresh: bool = False

    @property
    def entries(self) -> list[Journalled]:
        """The new journal rows."""
        return [result for result in self.results if type(result) is Journalled]


# Inputs whose sender waits for an answer.
ASKED = (
    i.Start,
    i.CompleteStep,
    i.Retry,
    i.Cancel,
    i.Erase,
    i.ChooseFlows,
    i.SetVariables,
    i.Throw,
    i.FireEvent,
    i.Skip,
    i.Move,
    i.ByHand,
    i.Suspend,
    i.Resume,
    i.Migrate,
)


def by_instance(items: Sequence[Item]) -> dict[str, list[Item]]:
    """The items of each instance, in order."""
    grouped: dict[str, list[Item]] = {}
    for item in items:
        grouped.setdefault(item.input.instance, []).append(item)
    return grouped
