"""Wakes consumers of the same file in the same process, so that they need not poll."""

import threading
from pathlib import Path
from weakref import WeakSet, WeakValueDictionary


class Listener:
    """One consumer's bell."""

    def __init__(self, queues: frozenset[str]) -> None:
        self.queues = queues
        self.rung = threading.Event()


class Signals:
    """The listeners on one file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: WeakSet[Listener] = WeakSet()

    def listen(self, queues: frozenset[str]) -> Listener:
        """A bell that rings when one of the queues has got something. It is dropped when nobody holds it."""
        listener = Listener(queues)
        with self._lock:
            self._listeners.add(listener)
        return listener

    def wake(self, queues: frozenset[str]) -> None:
        """Ring for these queues."""
        if not queues:
            return
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            if not queues.isdisjoint(listener.queues):
                listener.rung.set()


_by_path: WeakValueDictionary[Path, Signals] = WeakValueDictionary()
_lock = threading.Lock()


def signals_of(path: Path) -> Signals:
    """The one `Signals` that all brokers of this process on this file share while any of them lives."""
    with _lock:
        return _by_path.setdefault(path, Signals())
