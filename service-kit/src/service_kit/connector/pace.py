"""The pace at which a system may be called, kept by all processes of its connector together: a row says when the next
call may go. Calls are evenly spaced; who is early waits up to a second for its turn.
"""

import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, Engine, text

from service_kit.connector.outcomes import NotApplied
from service_kit.database import is_sqlite, now_ms, writing

LONGEST_WAIT = 1.0
USED_UP = "the system's rate limit is used up"


class Turns(msgspec.Struct, frozen=True):
    """`count` calls may go, the first in `delay` seconds and each `interval` after the one before. `next_at`: us."""

    count: int
    delay: float
    interval: float
    next_at: int

    def delays(self, used: int) -> list[float]:
        """For each of `used` calls, how long it waits (s)."""
        return [self.delay + number * self.interval for number in range(used)]


def look(connection: Connection, line: str, rate: float, most: int) -> Turns:
    """Which turns are free within a second, at most `most`. Until the end of the transaction nobody else takes any."""
    now = now_ms(connection) * 1000
    connection.execute(_INSERT, {"line": line, "now": now})
    lock = "" if is_sqlite(connection) else " FOR UPDATE"
    known = int(connection.scalar(text(_LOOK + lock), {"line": line}) or 0)
    first = max(known, now)
    room = int((now + LONGEST_WAIT * 1e6 - first) * rate / 1e6) + 1 if first <= now + LONGEST_WAIT * 1e6 else 0
    return Turns(max(0, min(most, room)), (first - now) / 1e6, 1 / rate, first)


def use(connection: Connection, line: str, turns: Turns, used: int) -> None:
    """Take the first `used` of the turns."""
    next_at = turns.next_at + round(used * turns.interval * 1e6)
    connection.execute(_USE, {"line": line, "next_at": next_at})


class Pace:
    """For calls that cannot be kept: probes, and those that came by REST."""

    def __init__(self, engine: Engine, connector: str, wait: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._connector = connector
        self._wait = wait

    def enter(self, system: str, rate: float) -> None:
        """Wait for this call's turn. Raises `NotApplied` if that would take more than a second."""
        line = f"{self._connector}/{system}"
        with writing(self._engine) as connection:
            turns = look(connection, line, rate, 1)
            use(connection, line, turns, turns.count)
        if not turns.count:
            raise NotApplied(USED_UP, turns.delay)
        if turns.delay:
            self._wait(turns.delay)


_INSERT = text("INSERT INTO connector_pace (line, next_at) VALUES (:line, :now) ON CONFLICT (line) DO NOTHING")
_LOOK = "SELECT next_at FROM connector_pace WHERE line = :line"
_USE = text("UPDATE connector_pace SET next_at = :next_at WHERE line = :line")
