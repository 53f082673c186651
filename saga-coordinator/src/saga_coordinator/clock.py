"""The store's clock."""

import threading
import time

from sqlalchemy import Engine

from service_kit.database import now_ms, reading

MEASURE_EVERY_S = 30.0


class Clock:
    """Time by the store, from this machine's monotonic clock and an offset that is measured now and then.
    Thread-safe; never backwards."""

    def __init__(self, store: Engine) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._measured_at = float("-inf")
        self._offset = 0.0
        self._last = 0

    def now(self) -> int:
        """Milliseconds since the epoch. Raises sqlalchemy's errors when it has to measure and the store is away."""
        with self._lock:
            if time.monotonic() - self._measured_at > MEASURE_EVERY_S:
                self._measure()
            self._last = max(self._last, round(time.monotonic() * 1000 + self._offset))
            return self._last

    def _measure(self) -> None:
        with reading(self._store) as connection:
            connection.exec_driver_sql("SELECT 1")  # opening the connection must not count as the store's delay
            before = time.monotonic()
            store_ms = now_ms(connection)
            after = time.monotonic()
        self._offset = store_ms - (before + after) / 2 * 1000
        self._measured_at = after
