"""What a worker does with commands that cannot go now, and with results that come later (`promises`)."""

import time
from collections.abc import Callable, Collection, Sequence

import structlog

from service_kit.broker import Broker, Outgoing, QueueMissing
from service_kit.connector import jobs
from service_kit.connector.gate import Gate
from service_kit.connector.inbox import Inbox
from service_kit.connector.operations import Operations
from service_kit.connector.promise_rows import Asked
from service_kit.connector.promises import Held, Kept, Promises, Result
from service_kit.connector.results import Results
from service_kit.connector.rules import Row
from service_kit.messages import Completed, Rejected

LOOK_AGAIN = 0.5
IN_LINE = "others are before it"
PATIENCE = 30.0
A_MINUTE = 60_000

log = structlog.get_logger(__name__)


class Keeper:
    """Belongs to its worker's thread. `clock` tells seconds since the epoch."""

    def __init__(
        self, broker: Broker, inbox: Inbox, operations: Operations, clock: Callable[[], float] = time.time
    ) -> None:
        self._broker = broker
        self._promises = Promises(inbox)
        self._results = Results(inbox)
        self._operations = operations
        self._clock = clock
        self._connector = inbox.connector
        self._lines: dict[str, int] = {}
        self._look_at = 0.0

    def must_wait(self, system: str) -> bool:
        """Whether a new command for `system` goes to the end of its line: its gate is closed or lets only so many
        through, or others wait already."""
        gate = self._operations.gate(system)
        return system in self._lines or bool(gate.reason) or gate.most is not None or gate.rate is not None

    def hold(self, system: str, asked: Sequence[Asked]) -> Held:
        """Put commands into the line of `system`, and tell the hub where that will take long."""
        gate = self._operations.gate(system)
        until = self._until(gate) if gate.reason else None
        held = self._promises.hold(asked, until, gate.reason or IN_LINE)
        told = [kept for kept in held.kept.values() if kept.promised is not None]
        self._publish([self._deferral(kept, kept.promised or 0, kept.reason) for kept in told])
        if held.kept:
            self._lines.setdefault(system, until or 0)
            self.look_soon()
        return held

    def put_back(self, asked: Asked, reason: str) -> bool:
        """Back to the line; False if it must not be sent any more."""
        self._lines.setdefault(asked.command.system, 0)
        return self._promises.put_back(asked, reason)

    def is_time(self) -> bool:
        """Whether to look at the lines again: now and then, and at once when something was put there."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_AGAIN
        return True

    def look_soon(self) -> None:
        """There is something to tell."""
        self._look_at = 0.0

    def lines(self) -> list[str]:
        """The systems whose lines are not empty. Tells the hub of those that wait longer than it knows."""
        self._lines = self._promises.lines()
        now = round(self._clock() * 1000)
        for system, due in self._lines.items():
            if due <= now:
                self._announce(system)
        return list(self._lines)

    def claim(self, system: str, room: int) -> list[tuple[Kept, bool]]:
        """The next commands of `system` that may go, at most `room`, and whether each was waited for long enough: one
        that waits for a system which does not answer goes after a while all the same, to be told so."""
        gate = self._operations.gate(system)
        if gate.until is not None:
            return []
        if gate.reason:
            before = round((self._clock() - PATIENCE) * 1000)
            return [(kept, True) for kept in self._promises.claim(system, room, None, before)]
        most = room if gate.most is None else min(room, gate.most)
        claimed = self._promises.claim(system, most, gate.rate) if most > 0 else []
        if gate.most is None and len(claimed) == most:  # there may be more
            self._look_at = min(self._look_at, time.monotonic() + 0.01)
        return [(kept, False) for kept in claimed]

    def owes(self) -> bool:
        """Whether there is anything to find out or to tell but what waits in a line."""
        return self._promises.are_open()

    def orphans(self, mine: Collection[str]) -> list[tuple[Kept, Row]]:
        """What a process that is gone had taken out of a line."""
        return self._promises.orphans(mine)

    def polls(self, most: int) -> list[Kept]:
        """Accepted commands whose result it is time to ask for, at most so many of each system."""
        intervals = {name: known.result for name, known in self._operations.catalogue.items() if known.result}
        if not intervals:
            return []
        return [
            kept
            for system in self._promises.polled()
            if not self._operations.gate(system).reason
            for kept in self._promises.polls(system, intervals, most)
        ]

    def tell_results(self) -> None:
        """Tell the hub what is recorded."""
        self._results.match()
        if results := self._promises.results():
            self._publish([self._late(result) for result in results])
            self._promises.told([result.kept.command.id for result in results])

    def record(self, command: str, result: Completed | Rejected) -> None:
        """The result of an accepted command is known."""
        self._results.record(command, result)
        self.look_soon()

    def answered(self, commands: Sequence[str]) -> None:
        """Their replies are out."""
        self._promises.answered(commands)

    def _announce(self, system: str) -> None:
        gate = self._operations.gate(system)
        until, reason = self._until(gate), gate.reason or IN_LINE
        if waiting := self._promises.unannounced(system):
            self._publish([self._deferral(kept, until, reason) for kept in waiting])
            self._promises.announced([kept.command.id for kept in waiting], until, reason)

    def _until(self, gate: Gate) -> int:
        # Nobody knows how long a line takes: full minutes, so that two processes tell the same.
        return gate.until if gate.until is not None else (round(self._clock() * 1000) // A_MINUTE + 2) * A_MINUTE

    def _deferral(self, kept: Kept, until: int, reason: str) -> Outgoing:
        return jobs.deferral(self._connector, kept, until, reason)

    def _late(self, result: Result) -> Outgoing:
        return jobs.late_reply(self._connector, result)

    def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        addressed = [item for item in outgoing if item.queue]  # who called by REST asks again by itself
        if not addressed:
            return
        try:
            self._broker.publish(addressed)
        except QueueMissing:
            for item in addressed:
                self._publish_one(item)

    def _publish_one(self, item: Outgoing) -> None:
        try:
            self._broker.publish([item])
        except QueueMissing as error:  # the others must not wait for a lane that is gone
            log.error("promise.unaddressable", reply=item.event.id, reason=str(error))
