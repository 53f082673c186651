"""How often somebody may ask: one token bucket for each caller, in this process."""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

MOST_CALLERS = 10_000


class _Bucket(msgspec.Struct):
    tokens: float
    at: float


class RateLimit:
    """`rate` requests per second, `burst` at once, for each caller. `clock` counts seconds."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one request; 0 if that is fine, else the seconds to wait until it would be."""
        bucket = self._bucket(caller)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / self._rate

    def _bucket(self, caller: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.pop(caller, None) or _Bucket(float(self._burst), now)
        bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[caller] = bucket
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return bucket
