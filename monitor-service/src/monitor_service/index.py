"""Taking journal entries into the index: in any order, any number of times, from any number of monitors.

An entry is stored as it comes; an instance's summary folds its entries in order, without holes. What comes too early
is stored and waits, with a row in `gaps` until everything before it is here.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, Engine

from monitor_service import forgetting, store
from monitor_service.entries import Entry, Forgotten, facts_of
from monitor_service.errors import Overtaken
from monitor_service.summary import FINAL, Summary
from service_kit.database import writing

NOTHING: Mapping[str, int] = MappingProxyType({})


class Index:
    """The writing side of the index, with a bounded memory of open instances. Thread-safe."""

    def __init__(self, engine: Engine, cached: int) -> None:
        self._engine = engine
        self._cached = cached
        self._cache: OrderedDict[str, Summary] = OrderedDict()
        self._ahead: set[str] = set()
        self._lock = threading.Lock()
        self.newest_at: int | None = None

    def absorb(self, entries: Sequence[Entry], heard: Mapping[str, int] = NOTHING) -> None:
        """Store entries and fold them into their instances, in one transaction; none that is to be forgotten. `heard`:
        of entries that the coordinator was asked for, how far their instances were forgotten then."""
        if not entries:
            return
        by_instance = _sorted(entries)
        with self._lock:
            trusting = True
            while True:  # whoever is overtaken sees that another got on: this ends
                try:
                    self._absorb(by_instance, heard, trusting=trusting)
                    break
                except Overtaken:
                    trusting = False
        self.newest_at = max(self.newest_at or 0, max(entry.at for entry in entries))

    def reload(self, ids: Sequence[str]) -> dict[str, int]:
        """Fold what is stored of these instances and was not folded; up to which seq each is complete."""
        if not ids:
            return {}
        with self._lock:
            self._forget(ids)
            try:
                with writing(self._engine) as connection:
                    summaries = store.load(connection, ids)
                    store.save(connection, list(summaries.values()))
            except Overtaken:  # somebody else is doing it
                return {}
            self._remember(summaries.values())
            return {id_: summary.seq for id_, summary in summaries.items()}

    def forget(self, told: Sequence[Forgotten]) -> int:
        """Forget what is to be forgotten, unless it has been; of how many instances it was."""
        if not told:
            return 0
        with self._lock:
            ids = [each.instance for each in told]
            self._forget(ids)
            self._ahead.difference_update(ids)
            with writing(self._engine) as connection:
                return len(forgetting.forget(connection, told, time.time_ns() // 1_000_000))

    def _absorb(self, by_instance: dict[str, list[Entry]], heard: Mapping[str, int], *, trusting: bool) -> None:
        try:
            with writing(self._engine) as connection:
                rows = [entry for rows in by_instance.values() for entry in rows]
                by_instance = _sorted(forgetting.kept(connection, rows, heard))
                summaries = self._summaries(connection, by_instance, trusting)
                fresh = [entry for id_, rows in by_instance.items() for entry in _fold(summaries[id_], rows)]
                store.add_entries(connection, fresh)
                caught_up = [s for s in summaries.values() if s.ahead and s.seq > s.written]
                if caught_up:
                    store.catch_up(connection, caught_up)
                store.save(connection, list(summaries.values()))
                store.add_gaps(connection, {id_: by_instance[id_][-1].seq for id_, s in summaries.items() if s.ahead})
        except BaseException:
            self._forget(by_instance)
            raise
        self._remember(summaries.values())

    def _summaries(
        self, connection: Connection, by_instance: dict[str, list[Entry]], trusting: bool
    ) -> dict[str, Summary]:
        """An instance whose first entry comes is believed to be new; the write finds out if it is not. A remembered one
        with a hole before the entry that comes may have been continued by another monitor."""
        found: dict[str, Summary] = {}
        unknown: list[str] = []
        for id_, rows in by_instance.items():
            summary = self._cache.get(id_)
            if summary is not None and rows[0].seq <= summary.seq + 1:
                found[id_] = summary
            elif trusting and rows[0].seq == 1 and id_ not in self._ahead:
                found[id_] = Summary(id_)
            else:
                unknown.append(id_)
        if unknown:
            found |= store.load(connection, unknown)
        return {id_: found[id_] for id_ in by_instance}

    def _remember(self, summaries: Iterable[Summary]) -> None:
        for summary in summaries:
            summary.wrote()
            if summary.ahead:
                self._ahead.add(summary.id)
            else:
                self._ahead.discard(summary.id)
            if summary.ahead or summary.status in FINAL or not summary.seq:
                self._cache.pop(summary.id, None)
            else:
                self._cache[summary.id] = summary
                self._cache.move_to_end(summary.id)
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)

    def _forget(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self._cache.pop(id_, None)


def _sorted(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """By instance, and by seq within; instances in one order, so that monitors do not wait for each other in a ring."""
    by_instance: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda e: (e.instance, e.seq)):
        by_instance.setdefault(entry.instance, []).append(entry)
    return by_instance


def _fold(summary: Summary, rows: list[Entry]) -> list[Entry]:
    """Fold what follows; the rows that are new, each once."""
    fresh: list[Entry] = []
    last = summary.seq
    for entry in rows:
        if entry.seq <= last:
            continue
        last = entry.seq
        fresh.append(entry)
        if entry.seq == summary.seq + 1:
            summary.apply(entry.seq, entry.at, facts_of(entry.facts))
        else:
            summary.ahead = True
    return fresh
