"""Through all worlds, breadth first: the first violation found has the shortest trace."""

import time
from array import array
from collections import Counter, deque

import msgspec

from e2e.model.invariants import broken, broken_at_rest
from e2e.model.moves import Moves
from e2e.model.size import Size
from e2e.model.world import World


class Violated(AssertionError):
    """A world that must not be; the message tells how it came about."""


class Report(msgspec.Struct, frozen=True):
    """What was explored, in how many `seconds` of this processor. `ends`: worlds at rest by what the saga came to."""

    worlds: int
    moves: int
    depth: int
    seconds: float
    ends: dict[str, int]


class Checker:
    """One size. `most`: give up beyond so many worlds."""

    def __init__(self, size: Size, most: int = 20_000_000) -> None:
        self._size = size
        self._most = most
        self._moves = Moves(size)
        self._found: dict[World, int] = {}
        self._parents = array("q")
        self._labels: list[str] = []
        self._depths = array("q")
        self._edges: tuple[array[int], array[int]] = (array("q"), array("q"))
        self._at_rest = array("q")
        self._ends: Counter[str] = Counter()
        self._count = 0

    def run(self) -> Report:
        """Explore everything. Raises `Violated`."""
        began = time.process_time()
        waiting = deque([self._moves.beginning()])
        self._add(waiting[0], -1, "")
        while waiting:
            world = waiting.popleft()
            number = self._found[world]
            waiting.extend(self._expand(world, number))
            if len(self._found) > self._most:
                raise AssertionError(f"more than {self._most} worlds")
        self._all_come_to_rest()
        seconds = time.process_time() - began
        return Report(len(self._found), self._count, max(self._depths), seconds, dict(self._ends.most_common()))

    def _expand(self, world: World, number: int) -> list[World]:
        free = self._moves.free(world)
        if not free:
            self._rests(world, number)
        new = []
        for move in free + self._moves.faults(world):
            self._count += 1
            known = self._found.get(move.after)
            if known is None:
                known = self._add(move.after, number, move.label)
                new.append(move.after)
                self._check(move.after, known)
            if not move.fault:
                self._edges[0].append(number)
                self._edges[1].append(known)
        return new

    def _add(self, world: World, parent: int, label: str) -> int:
        number = self._found[world] = len(self._found)
        self._parents.append(parent)
        self._labels.append(label)
        self._depths.append(self._depths[parent] + 1 if parent >= 0 else 0)
        return number

    def _check(self, world: World, number: int) -> None:
        state = self._moves.sagas.state(world.saga)
        wrong = broken(world, state, len(self._size.tasks), beyond=self._size.beyond > 0)
        if wrong:
            raise Violated(self._story(number, world, wrong))

    def _rests(self, world: World, number: int) -> None:
        state = self._moves.sagas.state(world.saga)
        wrong = broken_at_rest(world, state, len(self._size.tasks))
        if wrong or state is None:
            raise Violated(self._story(number, world, wrong or "it never started"))
        self._at_rest.append(number)
        codes = sorted(f"{step.incident.code}" for step in state.steps.values() if step.incident)
        self._ends[" ".join([state.status, *codes])] += 1

    def _all_come_to_rest(self) -> None:
        """From every world one at rest can be reached without another fault."""
        before: dict[int, list[int]] = {}
        for source, target in zip(*self._edges, strict=True):
            before.setdefault(target, []).append(source)
        reached = bytearray(len(self._found))
        waiting = list(self._at_rest)
        while waiting:
            number = waiting.pop()
            if not reached[number]:
                reached[number] = 1
                waiting += before.get(number, ())
        stuck = reached.find(0)
        if stuck >= 0:
            world = next(world for world, number in self._found.items() if number == stuck)
            raise Violated(self._story(stuck, world, "it goes on for ever"))

    def _story(self, number: int, world: World, wrong: str) -> str:
        labels = []
        while number > 0:
            labels.append(self._labels[number])
            number = self._parents[number]
        steps = [f"{count:3}. {label}" for count, label in enumerate(reversed(labels), 1)]
        return "\n".join([wrong, *steps, *self._picture(world)])

    def _picture(self, world: World) -> list[str]:
        state = self._moves.sagas.state(world.saga)
        steps = state.steps.values() if state else ()
        lines = [f"the saga is {state.status}" if state else "the saga has not started"]
        lines += [f"  step {step.id} ({step.element}): {step.phase}" for step in steps]
        return [*lines, *(f"  {item}" for item in (*world.documents, *world.calls, *world.rows, *world.connectors))]
