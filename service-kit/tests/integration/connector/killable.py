"""A connector process that kills itself at one point: `killable.py STORE BROKER BOOKS_FOLDER POINT CLOSED RATE`.

Points: started (before the system applies), applied (before the outcome is recorded), recorded (before the reply is
published), replied (before the command is acknowledged), never. CLOSED is until when (ms) the system is under
maintenance, RATE how many calls a second it takes (0: any number): with either, commands wait in a line. Then also:
kept (before the sender is told), told (before the command is acknowledged), published (after the reply, before that is
recorded).
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from service_kit.broker import Broker, Consumer, Delivery, Outgoing, Queue, Source, connect
from service_kit.catalogue import Catalogue, Effect, Operation
from service_kit.connector.call import Call
from service_kit.connector.maintenance import Once
from service_kit.connector.process import Settings, create_worker
from service_kit.connector.systems import System, Systems
from service_kit.ids import new_id
from service_kit.messages import Completed, Probed, ProbeVerdict

CATALOGUE = Catalogue([Operation("books.post", "books", Effect.CREATE, probe=True, settle=0.2)])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Books:
    """Every document is a file, which outlives whoever wrote it."""

    def __init__(self, folder: Path, point: str) -> None:
        self._folder = folder
        self._point = point

    def post(self, call: Call) -> Completed:
        if self._point == "started":
            die()
        (self._folder / f"{call.hub_key}-{new_id()}").touch()
        if self._point == "applied":
            die()
        return Completed(output={"hubKey": call.hub_key})

    def probe_post(self, call: Call) -> Probed:
        found = list(self._folder.glob(f"{call.hub_key}-*"))
        return Probed(verdict=ProbeVerdict.APPLIED if found else ProbeVerdict.ABSENT, output={"hubKey": call.hub_key})


class MortalBroker:
    """Passes everything on, and dies before publishing or acknowledging."""

    def __init__(self, broker: Broker, point: str) -> None:
        self._broker = broker
        self._point = point

    def declare(self, queues: Sequence[Queue]) -> None:
        self._broker.declare(queues)

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        ids = [item.event.id for item in outgoing]
        if self._point == "recorded" and any(id_.endswith((":r", ":late")) for id_ in ids):
            die()
        if self._point == "kept" and any(":d" in id_ for id_ in ids):
            die()
        self._broker.publish(outgoing)
        if self._point == "published" and any(id_.endswith((":r", ":late")) for id_ in ids):
            die()

    def consume(self, sources: Sequence[Source]) -> Consumer:
        return MortalConsumer(self._broker.consume(sources), self._point)

    def depth(self, queue: str) -> int:
        return self._broker.depth(queue)

    def healthy(self) -> bool:
        return self._broker.healthy()

    def close(self) -> None:
        self._broker.close()


class MortalConsumer:
    def __init__(self, consumer: Consumer, point: str) -> None:
        self._consumer = consumer
        self._point = point

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        return self._consumer.take(limit, timeout)

    def wake(self) -> None:
        self._consumer.wake()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        if self._point in ("replied", "told"):
            die()
        self._consumer.ack(deliveries)

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        self._consumer.requeue(deliveries)

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        self._consumer.dead_letter(delivery, reason)

    def close(self) -> None:
        self._consumer.close()


def main(store: str, broker_url: str, folder: str, point: str, closed: str, rate: str) -> None:
    window = Once(0, int(closed))
    system = System(name="books", connector="books", adapter="b", maintenance=(window,), rate=float(rate) or None)
    books = Books(Path(folder), point)
    connector = create_worker(
        Settings(database_url=store, broker_url="", lease=1.0),
        MortalBroker(connect(broker_url, name="killable"), point),
        connector="books",
        adapters={"b": lambda system, mappings: books},
        catalogue=CATALOGUE,
        systems=Systems("books", systems={"books": system}),
    )
    connector.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
