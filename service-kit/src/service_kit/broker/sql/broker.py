"""The broker port on the SQL queue's tables."""

import sqlite3
import threading
import time
from collections.abc import Sequence
from functools import partial
from itertools import count

import msgspec
import structlog

from service_kit.broker import DEAD_LETTERS, BrokerUnavailable, Consumer, Outgoing, Queue, Source
from service_kit.broker.sql import table
from service_kit.broker.sql.consumer import SqlConsumer
from service_kit.broker.sql.owners import Owner, lives, sweep
from service_kit.broker.sql.signals import signals_of
from service_kit.broker.sql.writer import Writer

_log = structlog.get_logger(__name__)
_SECONDS_BETWEEN_SEARCHES = 2.0


class SqlBroker:
    """Implements the `Broker` port on a SQLite file. Opening it takes back what dead processes held."""

    def __init__(self, url: str, *, name: str) -> None:
        self.path = table.path_of(url)
        self.signals = signals_of(self.path)
        self.writer = Writer(self.path, self.signals, name)
        self.writer.call(table.create)
        self._owner = Owner(self.path)
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._consumers: set[SqlConsumer] = set()
        self._next_search = 0.0
        sweep(self.path)
        self.take_back_from_the_dead()

    def declare(self, queues: Sequence[Queue]) -> None:
        """See `Broker.declare`."""
        self.writer.call(partial(table.declare, queues=queues), durable=True)

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """See `Broker.publish`. All or nothing here."""
        rows = [(item.queue, msgspec.json.encode(item.event)) for item in outgoing]
        queues = frozenset(item.queue for item in outgoing)
        unknown = queues - self._known

        def write(connection: sqlite3.Connection) -> None:
            table.require(connection, unknown)
            table.insert(connection, rows)

        if rows:
            self.writer.call(write, durable=True, wakes=queues)
            self._known |= queues

    def consume(self, sources: Sequence[Source]) -> Consumer:
        """See `Broker.consume`. Sources of higher priority are emptied first; other consumers do not matter."""
        with self._lock:
            consumer = SqlConsumer(self, sources, f"{self._owner.token}/{next(self._numbers)}")
            self._consumers.add(consumer)
        return consumer

    def depth(self, queue: str) -> int:
        """See `Broker.depth`."""
        return self.writer.call(partial(table.depth, queue=queue))

    def healthy(self) -> bool:
        """See `Broker.healthy`."""
        try:
            self.writer.call(lambda connection: None)
        except BrokerUnavailable:
            return False
        return True

    def close(self) -> None:
        """See `Broker.close`."""
        with self._lock:
            consumers = list(self._consumers)
        for consumer in consumers:
            consumer.close()
        self.writer.close()
        self._owner.close()

    def forget(self, consumer: SqlConsumer) -> None:
        """A consumer has been closed."""
        with self._lock:
            self._consumers.discard(consumer)

    def take_back_from_the_dead(self) -> None:
        """Return to their queues what owners hold whose process has died. Looks now and then only."""
        now = time.monotonic()
        with self._lock:
            if now < self._next_search:
                return
            self._next_search = now + _SECONDS_BETWEEN_SEARCHES
        for owner in self.writer.call(table.owners):
            if not lives(self.path, owner.partition("/")[0]):
                _log.info("broker.taken-back", owner=owner)
                self.writer.call(partial(table.release_all, owner=owner), wakes=frozenset([DEAD_LETTERS]))
