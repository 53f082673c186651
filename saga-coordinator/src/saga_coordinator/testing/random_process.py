"""Random structured processes: blocks in sequence, in parallel, by choice, several times, in sub-processes and
transactions, with boundary events and event sub-processes."""

import random
from typing import Any

from saga_coordinator.engine.process import EventDefinition, Iteration, Kind, Loop, Process, Retry, Trigger
from saga_coordinator.testing.drawing import Drawing, Formula, error, timer


class Sketch:
    """Draws a random block structure; the same seed draws the same process."""

    def __init__(self, seed: int, depth: int = 3) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.depth = depth
        self.drawing = Drawing().start()
        self.count = 0

    def process(self) -> Process:
        """start -> random block -> end."""
        first, last = self._block(self.depth, "")
        self.drawing.end()
        self.drawing.flow("start", first).flow(last, "end")
        return self.drawing.process()

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def _block(self, depth: int, inside: str) -> tuple[str, str]:
        """Draw a block; its first and last element."""
        kinds = [self._task, self._task, self._guarded]
        if depth > 0:
            kinds += [self._sequence, self._parallel, self._choice, self._some, self._sub_process, self._transaction]
            kinds += [self._items, self._loop, self._noticed, self._handled]
        return self.random.choice(kinds)(depth - 1, inside)

    def _task(self, depth: int, inside: str) -> tuple[str, str]:
        name = self._name("t")
        self.drawing.service(name, inside=inside, retry=Retry(attempts=3))
        return name, name

    def _guarded(self, depth: int, inside: str) -> tuple[str, str]:
        """A task with a boundary event whose way joins the normal one again."""
        task, _ = self._task(depth, inside)
        event, merge = self._name("b"), self._name("x")
        definition = error() if self.random.random() < 0.5 else timer("PT30S")
        self.drawing.boundary(event, task, definition, inside=inside)
        self.drawing.add(Kind.EXCLUSIVE_GATEWAY, merge, inside=inside)
        self.drawing.flow(task, merge).flow(event, merge)
        return task, merge

    def _sequence(self, depth: int, inside: str) -> tuple[str, str]:
        first, last = self._block(depth, inside)
        for _ in range(self.random.randint(1, 2)):
            begin, end = self._block(depth, inside)
            self.drawing.flow(last, begin)
            last = end
        return first, last

    def _parallel(self, depth: int, inside: str) -> tuple[str, str]:
        return self._split(Kind.PARALLEL_GATEWAY, depth, inside)

    def _choice(self, depth: int, inside: str) -> tuple[str, str]:
        return self._split(Kind.EXCLUSIVE_GATEWAY, depth, inside)

    def _split(self, kind: Kind, depth: int, inside: str) -> tuple[str, str]:
        split, join = self._name("s"), self._name("j")
        self.drawing.add(kind, split, inside=inside).add(kind, join, inside=inside)
        branches = self.random.randint(2, 3)
        chosen = self.random.randrange(branches)
        for branch in range(branches):
            first, last = self._block(depth, inside)
            condition = _always if branch == chosen else _never
            self.drawing.flow(split, first, when=condition if kind is Kind.EXCLUSIVE_GATEWAY else None)
            self.drawing.flow(last, join)
        return split, join

    def _some(self, depth: int, inside: str) -> tuple[str, str]:
        """An inclusive split: some of the branches, or the default."""
        split, join = self._name("s"), self._name("j")
        branches = self.random.randint(2, 3)
        firsts = [self._block(depth, inside) for _ in range(branches)]
        default = f"{split}>{firsts[0][0]}"
        self.drawing.add(Kind.INCLUSIVE_GATEWAY, split, inside=inside, default=default)
        self.drawing.add(Kind.INCLUSIVE_GATEWAY, join, inside=inside)
        for number, (first, last) in enumerate(firsts):
            condition = _always if self.random.random() < 0.5 else _never
            self.drawing.flow(split, first, when=condition if number else None)
            self.drawing.flow(last, join)
        return split, join

    def _sub_process(self, depth: int, inside: str) -> tuple[str, str]:
        return self._level(Kind.SUB_PROCESS, depth, inside)

    def _level(self, kind: Kind, depth: int, inside: str, **fields: Any) -> tuple[str, str]:
        name = self._name("p")
        self.drawing.add(kind, name, inside=inside, **fields)
        begin, end = f"{name}-start", f"{name}-end"
        self.drawing.start(begin, inside=name)
        first, last = self._block(depth, name)
        self.drawing.end(end, inside=name).flow(begin, first).flow(last, end)
        return name, name

    def _transaction(self, depth: int, inside: str) -> tuple[str, str]:
        """A transaction that is cancelled at its end, or not, and goes on either way."""
        name, merge, event = self._name("p"), self._name("x"), self._name("b")
        self.drawing.add(Kind.TRANSACTION, name, inside=inside).start(f"{name}-start", inside=name)
        first, last = self._block(depth, name)
        trigger = Trigger.CANCEL if self.random.random() < 0.5 else Trigger.NONE
        self.drawing.end(f"{name}-end", trigger, inside=name).flow(f"{name}-start", first).flow(last, f"{name}-end")
        self.drawing.boundary(event, name, EventDefinition(trigger=Trigger.CANCEL), inside=inside)
        self.drawing.add(Kind.EXCLUSIVE_GATEWAY, merge, inside=inside).flow(name, merge).flow(event, merge)
        return name, merge

    def _items(self, depth: int, inside: str) -> tuple[str, str]:
        """A multi-instance, of a task or of a sub-process."""
        at_once = self.random.random() < 0.5
        count = self.random.randint(0, 3)
        loop = Loop(
            iteration=Iteration.PARALLEL if at_once else Iteration.SEQUENTIAL,
            cardinality=Formula(lambda data: count),
        )
        if self.random.random() < 0.5:
            return self._level(Kind.SUB_PROCESS, depth, inside, loop=loop)
        name = self._name("t")
        self.drawing.service(name, inside=inside, retry=Retry(attempts=3), loop=loop)
        return name, name

    def _loop(self, depth: int, inside: str) -> tuple[str, str]:
        loop = Loop(iteration=Iteration.LOOP, most=self.random.randint(1, 3))
        return self._level(Kind.SUB_PROCESS, depth, inside, loop=loop)

    def _noticed(self, depth: int, inside: str) -> tuple[str, str]:
        """A sub-process beside which a timer begins something more, that does not interrupt it."""
        name, _ = self._sub_process(depth, inside)
        event, task = self._name("b"), self._name("t")
        self.drawing.boundary(event, name, timer("PT20S"), interrupting=False, inside=inside)
        self.drawing.service(task, inside=inside, retry=Retry(attempts=3)).flow(event, task)
        return name, name

    def _handled(self, depth: int, inside: str) -> tuple[str, str]:
        """A sub-process with an event sub-process: an error or a timer ends what is in it."""
        name, _ = self._sub_process(depth, inside)
        handler, begin, task = self._name("h"), self._name("e"), self._name("t")
        definition = error() if self.random.random() < 0.5 else timer("PT40S")
        self.drawing.add(Kind.SUB_PROCESS, handler, inside=name, by_event=True)
        self.drawing.add(Kind.START_EVENT, begin, inside=handler, event=definition)
        self.drawing.service(task, inside=handler, retry=Retry(attempts=3)).flow(begin, task)
        return name, name


def _always(data: object) -> bool:
    return True


def _never(data: object) -> bool:
    return False
