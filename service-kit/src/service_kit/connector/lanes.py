"""Threads that carry out work, some for every system, so that a slow system holds up only its own commands."""

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

from service_kit.connector.gate import NotNow
from service_kit.messages import Outcome

Done = Outcome | NotNow

T = TypeVar("T")
LARGEST_WINDOW = 256


class Finishing(Generic[T]):
    """Where lanes put what they have finished, and wake whoever waits for it."""

    def __init__(self) -> None:
        self._items: deque[tuple[T, Done]] = deque()
        self._wake = threading.Event()

    def put(self, item: T, outcome: Done) -> None:
        """Called by lanes."""
        self._items.append((item, outcome))
        self.wake()

    def wake(self) -> None:
        """Whoever waits looks again now."""
        if not self._wake.is_set():
            self._wake.set()

    def wait(self, timeout: float) -> None:
        """Until something is finished, or `timeout` seconds."""
        if not self._items:
            self._wake.wait(timeout)

    def drain(self) -> list[tuple[T, Done]]:
        """All that is finished."""
        self._wake.clear()
        items = self._items
        return [items.popleft() for _ in range(len(items))]

    def __len__(self) -> int:
        return len(self._items)


class Lane(Generic[T]):
    """The work for one system. Used by one thread; its own threads (at most `concurrency`) start when needed.

    `waiting` is what has not been marked as started yet. The window bounds what is started at a time: it grows while
    the system keeps up and shrinks when it does not, because everything started must be probed after a crash.
    """

    def __init__(self, concurrency: int, run: Callable[[T], Done], finishing: Finishing[T]) -> None:
        self.waiting: deque[T] = deque()
        self.active = 0
        self._concurrency = concurrency
        self._run = run
        self._finishing = finishing
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._window = 2 * concurrency

    def admit(self, limit: int) -> list[T]:
        """Take from `waiting` what may be started now."""
        room = self.room(min(limit, len(self.waiting)))
        admitted = [self.waiting.popleft() for _ in range(room)]
        self.active += len(admitted)
        return admitted

    def room(self, wanted: int) -> int:
        """How many of so many more may be started now."""
        if wanted and self.active == 0:
            self._window = min(2 * self._window, max(LARGEST_WINDOW, self._window))
        elif self.active > self._window // 2:
            self._window = max(2 * self._concurrency, self._window // 2)
        return max(0, min(self._window - self.active, wanted))

    def put(self, item: T) -> None:
        """Carry it out as soon as a thread is free."""
        self._queue.put(item)
        if len(self._threads) < self._concurrency and self._queue.qsize():
            thread = threading.Thread(target=self._work, name="lane", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout: float) -> None:
        """Let the threads finish what they are doing, and end."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            self._finishing.put(item, self._run(item))
