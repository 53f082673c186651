"""What a worker touches: the broker, its consumer and the inbox."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from e2e.model.inbox import Leases, Store
from e2e.model.world import Row
from service_kit.broker import Consumer, Delivery, Outgoing, Queue, Source
from service_kit.connector.inbox import Exchanged, Finished, Inbox, Starting
from service_kit.messages import Reply

_reply = msgspec.json.Decoder(Reply).decode


class After(NamedTuple):
    """The shared world after one more contact of a turn with it."""

    rows: tuple[Row, ...]
    published: tuple[Reply, ...]
    acked: tuple[str, ...]


class Ports(Inbox):
    """What a worker touches. While it repeats its past, `told` answers and nothing else happens."""

    def __init__(self) -> None:
        self.told: deque[Any] = deque()
        self.live: Live | None = None
        self.deliveries: list[Delivery] = []

    def declare(self, queues: Sequence[Queue]) -> None: ...

    def consume(self, sources: Sequence[Source]) -> Consumer:
        return self

    def depth(self, queue: str) -> int:
        return 0

    def healthy(self) -> bool:
        return True

    def close(self) -> None: ...

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        taken, self.deliveries = self.deliveries, []
        return taken

    def wake(self) -> None: ...

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        if self.live:
            self.live.publish([_reply(item.event.data) for item in outgoing])

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        if self.live:
            self.live.ack([str(delivery.tag) for delivery in deliveries])

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        raise AssertionError("a worker keeps what it took")

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        raise AssertionError(reason)

    def exchange(self, finished: Sequence[Finished], starting: Sequence[Starting]) -> Exchanged:
        names = [*(item.command for item in finished), *(item.command for item in starting)]
        answer: Exchanged = self._ask("exchange", (list(finished), list(starting)), names)
        return answer

    def seal(self, commands: Sequence[Starting]) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("seal", (list(commands),), [item.command for item in commands])
        return answer

    def look(self, commands: Sequence[str]) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("look", (list(commands),), commands)
        return answer

    def take_over(self, row: Any) -> bool:
        taken: bool = self._ask("take_over", (row,), [row.command])
        return taken

    def _ask(self, method: str, arguments: Any, names: Sequence[str]) -> Any:
        return self.live.ask(method, arguments, names) if self.live else self.told.popleft()


class Live:
    """The shared world during the one turn that is not repeated."""

    def __init__(self, store: Store, owner: str, rows: tuple[Row, ...], leases: Leases) -> None:
        self._store, self._owner, self._leases = store, owner, leases
        self.answers: list[Any] = []
        self.now = After(rows, (), ())
        self.steps: list[After] = []

    def ask(self, method: str, arguments: Any, names: Sequence[str]) -> Any:
        told = self._store.run(self._owner, self.now.rows, self._leases, method, arguments, names)
        self.answers.append(told.answer)
        self._step(self.now._replace(rows=told.rows))
        return told.answer

    def publish(self, replies: list[Reply]) -> None:
        self._step(self.now._replace(published=(*self.now.published, *replies)))

    def ack(self, messages: list[str]) -> None:
        self._step(self.now._replace(acked=(*self.now.acked, *messages)))

    def _step(self, after: After) -> None:
        self.now = after
        self.steps.append(after)
