"""What a worker remembers, as a value that can be compared: everything its fields lead to, whatever they are called."""

from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import msgspec

from service_kit.broker import Delivery
from service_kit.connector.jobs import Job
from service_kit.connector.lanes import Finishing, Lane
from service_kit.connector.rules import Row
from service_kit.connector.worker import Worker

# How many jobs a lane starts at a time, and when parked ones are looked at again: pace, not memory.
_PACE = frozenset({"_window", "_look_again_at"})
_PLAIN = (str, bytes, int, float, bool, type(None))


def memories(worker: Worker) -> Any:
    """Equal for workers that will do the same."""
    return _Walk().value(worker)


class _Walk:
    def __init__(self) -> None:
        self._met: dict[int, int] = {}

    def value(self, thing: Any) -> Any:
        if isinstance(thing, _PLAIN):
            return thing
        if isinstance(thing, Enum):
            return str(thing)
        if isinstance(thing, Row):  # its times are of the moment when it was read
            return ("row", thing.command, thing.owner, thing.owner_lives)
        if isinstance(thing, Delivery):
            return ("delivery", thing.tag)
        if id(thing) in self._met:
            return ("met", self._met[id(thing)])
        self._met[id(thing)] = len(self._met)
        return self._inside(thing)

    def _inside(self, thing: Any) -> Any:
        if isinstance(thing, Mapping):
            return tuple((self.value(key), self.value(item)) for key, item in sorted(thing.items()))
        if isinstance(thing, list | tuple | deque | set | frozenset):
            return tuple(self.value(item) for item in thing)
        if isinstance(thing, msgspec.Struct):
            return (type(thing).__name__, msgspec.json.encode(thing))
        if isinstance(thing, partial):
            return ("partial", self.value(thing.func), self.value(thing.keywords))
        if isinstance(thing, MethodType):
            return thing.__qualname__
        if isinstance(thing, FunctionType):
            return (thing.__qualname__, *(self.value(cell.cell_contents) for cell in thing.__closure__ or ()))
        if isinstance(thing, Worker | Job | Lane | Finishing):
            return (type(thing).__name__, *((name, self.value(item)) for name, item in _fields(thing)))
        return type(thing).__name__


def _fields(thing: Any) -> Iterator[tuple[str, Any]]:
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in [*slots, *getattr(thing, "__dict__", {})]:
        if name not in _PACE and hasattr(thing, name):
            yield name, getattr(thing, name)
