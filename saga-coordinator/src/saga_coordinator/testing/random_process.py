"""Random structured processes: blocks in sequence, in parallel, by choice, in sub-processes, with boundary events."""

import random

from saga_coordinator.engine.process import Kind, Process, Retry
from saga_coordinator.testing.drawing import Drawing, error, timer


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
            kinds += [self._sequence, self._parallel, self._choice, self._sub_process]
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

    def _sub_process(self, depth: int, inside: str) -> tuple[str, str]:
        name = self._name("p")
        self.drawing.add(Kind.SUB_PROCESS, name, inside=inside)
        begin, end = f"{name}-start", f"{name}-end"
        self.drawing.start(begin, inside=name)
        first, last = self._block(depth, name)
        self.drawing.end(end, inside=name).flow(begin, first).flow(last, end)
        return name, name


def _always(data: object) -> bool:
    return True


def _never(data: object) -> bool:
    return False
