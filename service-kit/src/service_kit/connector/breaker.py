"""Protection of a system from this connector: a circuit breaker and a pace."""

import threading
import time
from collections.abc import Callable

from service_kit.connector.outcomes import NotApplied
from service_kit.messages import Outcome, Unavailable, Unknown

FAILURES = 8
PAUSE = 5.0
LONGEST_WAIT = 1.0


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

    def enter(self) -> None:
        """Raises `NotApplied` while it is open."""
        if self._failures < self._allowed:
            return
        with self._lock:
            wait = self._closed_until - self._clock()
            if self._failures >= self._allowed and wait > 0:
                raise NotApplied("the system did not answer several times; it is left alone for a while", wait)
            self._closed_until = self._clock() + self._pause

    def leave(self, outcome: Outcome) -> None:
        """Learn from a call's outcome."""
        if not isinstance(outcome, Unavailable | Unknown):
            self._failures = 0
            return
        with self._lock:
            self._failures += 1
            self._closed_until = self._clock() + self._pause


class Pace:
    """At most `rate` calls per second (None: any number), evenly; a short burst is delayed, a long one refused."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._next = 0.0

    def enter(self) -> None:
        """Wait for this call's turn. Raises `NotApplied` if that would take more than a second."""
        if not self._interval:
            return
        with self._lock:
            now = self._clock()
            delay = max(0.0, self._next - now)
            if delay > LONGEST_WAIT:
                raise NotApplied("the system's rate limit is used up", delay)
            self._next = max(self._next, now) + self._interval
        if delay:
            self._wait(delay)
