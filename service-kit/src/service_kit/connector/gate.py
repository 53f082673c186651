"""Whether a system may be called now: its maintenance windows, its circuit breaker and its rate."""

import time

import msgspec

from service_kit.connector.breaker import LEFT_ALONE, Breaker
from service_kit.connector.maintenance import closed_until
from service_kit.connector.systems import System
from service_kit.messages import Unavailable


class NotNow(msgspec.Struct, frozen=True):
    """Nothing was sent: the system must be left alone for `wait` seconds."""

    reason: str
    wait: float

    def unavailable(self) -> Unavailable:
        """What that is for somebody who cannot wait."""
        return Unavailable(reason=self.reason, retry_after=self.wait)


class Gate(msgspec.Struct, frozen=True):
    """Whether a system's commands may go. Closed where there is a `reason`: until `until` (ms) by plan, else nobody
    knows how long. `most`: so many may go now; `rate`: so many in a second."""

    reason: str = ""
    until: int | None = None
    most: int | None = None
    rate: float | None = None


def gate_of(system: System, breaker: Breaker | None) -> Gate:
    """How a system's gate stands."""
    until = closed_until(system.maintenance, round(time.time() * 1000)) if system.maintenance else None
    if until is not None:
        return Gate(reason=f"maintenance of {system.name}", until=until, rate=system.rate)
    if breaker is None or not breaker.tries:
        return Gate(rate=system.rate)
    return Gate(reason=LEFT_ALONE if breaker.open_for() else "", most=1, rate=system.rate)


def maintenance_of(system: System) -> NotNow | None:
    """The maintenance that the system is in."""
    gate = gate_of(system, None)
    return NotNow(gate.reason, max(0.0, gate.until / 1000 - time.time())) if gate.until is not None else None
