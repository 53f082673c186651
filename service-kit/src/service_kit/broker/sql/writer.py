"""The one thread that writes for a broker. Whatever waits is committed together: one sync for all of them."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

from service_kit.broker import BrokerError, BrokerUnavailable
from service_kit.broker.sql.signals import Signals
from service_kit.broker.sql.table import open_file

_log = structlog.get_logger(__name__)
T = TypeVar("T")
_MOST_AT_ONCE = 512
_PAUSE_AFTER_FAILURE = 0.2


@dataclass(frozen=True, eq=False)
class _Work:
    """`insist`: nobody waits for it, so it is tried again until it is stored."""

    write: Callable[[sqlite3.Connection], Any]
    durable: bool
    insist: bool
    wakes: frozenset[str]
    future: "Future[Any]" = field(default_factory=Future)


class Writer:
    """Runs functions inside transactions, several at a time, in the order in which they came."""

    def __init__(self, path: Path, signals: Signals, name: str) -> None:
        self._connection = open_file(path)
        self._signals = signals
        self._waiting: deque[_Work] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._synchronous = ""
        self._thread = threading.Thread(target=self._run, name=f"{name} sql queue", daemon=True)
        self._thread.start()

    def call(
        self, write: Callable[[sqlite3.Connection], T], *, durable: bool = False, wakes: frozenset[str] = frozenset()
    ) -> T:
        """Run `write` in a transaction and return its result once committed (`durable`: synced to the disk).
        Consumers of the queues in `wakes` look again. `write` may raise a `BrokerError` before it changes anything.
        Raises `BrokerUnavailable`."""
        result: T = self._submit(_Work(write, durable, False, wakes)).result()
        return result

    def post(self, write: Callable[[sqlite3.Connection], None], *, wakes: frozenset[str] = frozenset()) -> None:
        """Run `write` soon, behind everything that was asked for before."""
        self._submit(_Work(write, False, True, wakes))

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _submit(self, work: _Work) -> "Future[Any]":
        with self._changed:
            if self._closing:
                raise BrokerUnavailable("The broker is closed")
            self._waiting.append(work)
            self._changed.notify()
        return work.future

    def _run(self) -> None:
        while batch := self._next():
            if not self._commit(batch):
                self._again([work for work in batch if work.insist])
        self._connection.close()

    def _next(self) -> list[_Work]:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]

    def _again(self, batch: list[_Work]) -> None:
        with self._changed:
            if not self._closing:
                self._waiting.extendleft(reversed(batch))
                self._changed.wait(_PAUSE_AFTER_FAILURE)

    def _commit(self, batch: list[_Work]) -> bool:
        try:
            self._sync("FULL" if any(work.durable for work in batch) else "NORMAL")
            self._connection.execute("BEGIN IMMEDIATE")
            answers = [self._apply(work) for work in batch]
            self._connection.execute("COMMIT")
        except Exception as error:
            self._fail(batch, error)
            return False
        for work, answer in zip(batch, answers, strict=True):
            answer(work.future)
        self._signals.wake(frozenset().union(*(work.wakes for work in batch)))
        return True

    def _apply(self, work: _Work) -> Callable[["Future[Any]"], None]:
        try:
            result = work.write(self._connection)
        except BrokerError as error:
            refusal = error
            return lambda future: future.set_exception(refusal)
        return lambda future: future.set_result(result)

    def _sync(self, mode: str) -> None:
        if mode != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous={mode}")
            self._synchronous = mode

    def _fail(self, batch: list[_Work], error: Exception) -> None:
        _log.warning("broker.write-failed", error=str(error), writes=len(batch))
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for work in batch:
            if not work.insist:
                unavailable = BrokerUnavailable(f"The queue's file could not be written: {error}")
                unavailable.__cause__ = error
                work.future.set_exception(unavailable)
