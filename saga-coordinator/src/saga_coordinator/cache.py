"""Folded states that this coordinator remembers. Never the truth: see `saga_coordinator.turn`."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from saga_coordinator import wire
from saga_coordinator.engine import InstanceState, fold
from saga_coordinator.errors import Poison
from saga_coordinator.store.journal import Record

# What nobody has asked for in this time is not remembered any more: an instance may have been purged, and forgotten
# altogether, long since (see `saga_coordinator.store.tombstones`).
LONGEST_S = 6 * 3_600.0


class Known(msgspec.Struct):
    """An instance as of its last known journal row. `inputs` are the input ids of the rows that were read or written
    here, with their seq; `whole`: these are all there are."""

    state: InstanceState
    inputs: dict[str, int]
    whole: bool


class Cache:
    """The most recently used instances, bounded. For one thread."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Known]] = OrderedDict()

    def get(self, instance: str) -> Known | None:
        """What is remembered, if anything."""
        used_at, known = self._known.get(instance, (0.0, None))
        if known is None or self._clock() - used_at > LONGEST_S:
            return None
        self.put(instance, known)
        return known

    def put(self, instance: str, known: Known) -> None:
        """Remember, and forget the least recently used beyond the limit."""
        self._known[instance] = (self._clock(), known)
        self._known.move_to_end(instance)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)

    def evict(self, instances: Iterable[str]) -> None:
        """Forget these."""
        for instance in instances:
            self._known.pop(instance, None)

    def __len__(self) -> int:
        return len(self._known)


def folded(instance: str, record: Record) -> Known | None:
    """The state that the journal tells; None where there are no rows, or where the snapshot cannot be read (then the
    whole journal must be). Raises `Poison` on an unknown fact."""
    state = InstanceState(id=instance)
    if record.snapshot is not None:
        snapshot = wire.state_of(record.snapshot, record.contents)
        if snapshot is None:
            return None
        state = snapshot
    elif not record.rows:
        return None
    for row in record.rows:
        if row.seq != state.seq + 1:
            raise Poison(f"the journal of {instance} has a gap before {row.seq}")
        state = fold(state, wire.facts_of(row), seq=row.seq, at=row.at)
    return Known(state, {row.input_id: row.seq for row in record.rows}, whole=record.snapshot is None)
