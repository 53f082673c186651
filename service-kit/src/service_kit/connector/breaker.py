"""Protection of a system that does not answer: a circuit breaker, for every process its own."""

import threading
import time
from collections.abc import Callable

from service_kit.connector.outcomes import NotApplied
from service_kit.messages import Outcome, Unavailable, Unknown

FAILURES = 8
PAUSE = 5.0
LEFT_ALONE = "the system did not answer several times; it is left alone for a while"


class Breaker:
    """Opens after `failures` calls in a row that did not reach the system or broke; then one call at a time tries."""

    def __init__(
        self, failures: int = FAILURES, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowed = failures
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0.0

    @property
    def tries(self) -> bool:
        """Whether only one call may go, to see whether the system is back."""
        return self._failures >= self._allowed

    def open_for(self) -> float:
        """How many seconds it stays open, 0 where a call may go."""
        return max(0.0, self._closed_until - self._clock()) if self._failures >= self._allowed else 0.0

    def enter(self) -> None:
        """Raises `NotApplied` while it is open."""
        if self._failures < self._allowed:
            return
        with self._lock:
            wait = self._closed_until - self._clock()
            if self._failures >= self._allowed and wait > 0:
                raise NotApplied(LEFT_ALONE, wait)
            self._closed_until = self._clock() + self._pause

    def leave(self, outcome: Outcome) -> None:
        """Learn from a call's outcome."""
        if not isinstance(outcome, Unavailable | Unknown):
            self._failures = 0
            return
        with self._lock:
            self._failures += 1
            self._closed_until = self._clock() + self._pause
