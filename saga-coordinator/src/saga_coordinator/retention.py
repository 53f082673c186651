"""Retention: what has ended long enough ago is archived and purged, and what nobody needs any more is deleted.

    ended --bury--> a tombstone: gone for everybody, no journal row can be written any more
          --archive--> a file (where the policy says so), on the disk before anything of the journal is deleted
          --delete--> journal, snapshots, large values, keys; followers are told
          --expire--> its business key is free, then nothing is left

Every arrow is a transaction or more, of bounded size; whoever dies in between is continued by whoever comes next, and
doing an arrow twice comes to the same.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from saga_coordinator import wire
from saga_coordinator.archive import Archive
from saga_coordinator.clock import Clock
from saga_coordinator.duty import Duty
from saga_coordinator.erasing import Eraser, forget_seen
from saga_coordinator.policy import Policy, policy_of
from saga_coordinator.registry import Registry
from saga_coordinator.settings import Settings
from saga_coordinator.store import blobs, erasures, journal, keys, messages, processes, refusals, signals, tombstones
from saga_coordinator.store.instances import Instance
from saga_coordinator.store.journal import Row
from saga_coordinator.store.tombstones import Tombstone
from service_kit.broker import Broker, BrokerUnavailable
from service_kit.database import reading, writing
from service_kit.patience import Patience

_log = structlog.get_logger(__name__)
# Whatever keys need: so long is it known what was purged and erased, for followers that were away.
KNOWN_MS = 30 * 86_400_000
MOST_PAGES = 100


class Retention:
    """For one thread."""

    def __init__(
        self,
        store: Engine,
        broker: Broker,
        registry: Registry,
        clock: Clock,
        settings: Settings,
        patience: Patience,
        eraser: Eraser,
    ) -> None:
        self._store = store
        self._broker = broker
        self._registry = registry
        self._clock = clock
        self._settings = settings
        self._patience = patience
        self._eraser = eraser
        self._archive = Archive(Path(settings.archive_folder)) if settings.archive_folder else None
        self._complaints: set[str] = set()
        self._duty = Duty(store, clock, "retention", settings.duty_seconds)

    def run(self) -> None:
        """Do a round now and then until stopped, while it is this coordinator's duty."""
        while not self._patience.stopping.wait(self._settings.retention_interval):
            try:
                if self._duty.mine():
                    self.round()
            except (DBAPIError, NoConnection, BrokerUnavailable, OSError) as error:
                _log.warning("retention.interrupted", error=str(error))
        self._duty.leave()

    def round(self) -> None:
        """Everything that is due, up to a number of pages. Raises sqlalchemy's errors, `BrokerUnavailable` and (of the
        archive) `OSError`: the next round goes on."""
        for work in (self._erase, self._bury, self._delete, self._expire, self._tidy):
            for _ in range(MOST_PAGES):
                if not work() or self._patience.stopping.is_set() or not self._duty.mine():
                    break

    # -- each does a page, and tells whether there may be more

    def _erase(self) -> bool:
        page = self._settings.retention_page
        return self._eraser.erase_due(page) == page

    def _bury(self) -> bool:
        with reading(self._store) as connection:
            newest = processes.latest_versions(connection)
        return sum(self._bury_some(process, policy) for process, policy in self._policies(list(newest))) > 0

    def _policies(self, ids: list[str]) -> Iterator[tuple[str, Policy]]:
        """By the newest version of each process: a policy is for what there is, not for what will be."""
        for id_ in ids:
            try:
                yield id_, policy_of(self._registry.latest(id_).retention, self._settings)
            except (DBAPIError, NoConnection):
                raise
            except Exception as error:  # a file that was deployed once and cannot be read any more
                self._complain(f"{id_} cannot be read, so nothing of it is purged: {error}")

    def _bury_some(self, process: str, policy: Policy) -> bool:
        now, page = self._clock.now(), self._settings.retention_page
        before = policy.ended_before(now)
        if before is None:
            return False
        with writing(self._store) as connection:
            due = tombstones.due(connection, process, before, page)
            if not due or not self._can_archive(process, policy):
                return False
            tombstones.bury(connection, [_tombstone(row, policy, now) for row in due])
        _log.info("retention.purging", process=process, instances=len(due))
        return len(due) >= page

    def _can_archive(self, process: str, policy: Policy) -> bool:
        """Nothing is touched that would have to be archived and cannot be."""
        if not policy.archive:
            return True
        try:
            if self._archive is None:
                raise OSError("ARCHIVE_FOLDER is not set")
            self._archive.check()
        except OSError as error:
            self._complain(f"{process} cannot be archived, so nothing of it is purged: {error}")
            return False
        return True

    def _complain(self, reason: str) -> None:
        """Once, and not in every round."""
        if reason not in self._complaints:
            self._complaints.add(reason)
            _log.error("retention.impossible", reason=reason)

    def _delete(self) -> bool:
        before = self._clock.now() - round(self._settings.purge_grace * 1000)
        page = self._settings.retention_page
        with reading(self._store) as connection:
            buried = tombstones.with_rest(connection, before, page)
        if not buried:
            return False
        for row in buried:
            if row.archived and row.archive is None:
                self._file(row)
        self._delete_journals([row.instance for row in buried])
        return len(buried) == page

    def _file(self, row: Tombstone) -> None:
        if self._archive is None:
            raise OSError(f"ARCHIVE_FOLDER is not set any more, and {row.instance} is to be archived")
        name, digest = self._archive.write(row, self._pages(row.instance))
        with writing(self._store) as connection:
            tombstones.archived(connection, row.instance, name, digest)

    def _pages(self, instance: str) -> Iterator[list[Row]]:
        seq = 1
        while True:
            with reading(self._store) as connection:
                page = journal.with_contents(connection, journal.rows_from(connection, instance, seq, 200))
            if not page:
                return
            yield page
            seq = page[-1].seq + 1

    def _delete_journals(self, ids: list[str]) -> None:
        """Row by row, then the rest at once; told to followers before it is settled that it is done."""
        most = self._settings.retention_rows
        with writing(self._store) as connection:
            for instance in ids:
                forget_seen(connection, instance, identifiers=True)
        self._all(lambda connection: journal.delete_rows(connection, ids, most), most)
        with writing(self._store) as connection:
            journal.delete_snapshots(connection, ids)
            blobs.release(connection, ids)
            keys.destroy_existing(connection, ids)
        self._broker.publish([wire.forgotten_event(instance, purged=True) for instance in ids])
        with writing(self._store) as connection:
            tombstones.without_rest(connection, ids)
        _log.info("retention.purged", instances=len(ids))

    def _expire(self) -> bool:
        now, page = self._clock.now(), self._settings.retention_page
        with writing(self._store) as connection:
            freed = tombstones.free_keys(connection, now, page)
            expired = tombstones.expire(connection, now, page)
        return page in (freed, expired)

    def _tidy(self) -> bool:
        """What goes away by its age."""
        now, most, settings = self._clock.now(), self._settings.retention_rows, self._settings
        seen_before = now - round(settings.seen_event_retention * 1000)
        refused_before = now - round(settings.refusal_retention * 1000)
        signalled_before = now - round(settings.sweep_after * 1000)
        self._all(partial(signals.purge, before=signalled_before, limit=most), most)
        self._all(partial(messages.purge_early, now=now, limit=most), most)
        self._all(partial(messages.purge_seen, before=seen_before, limit=most), most)
        self._all(partial(refusals.purge, before=refused_before, limit=most), most)
        self._all(partial(erasures.purge, before=now - KNOWN_MS, limit=most), most)
        return False

    def _all(self, delete: Callable[[Connection], int], most: int) -> None:
        """Delete `most` at once, in transactions of their own, until there are no more."""
        while True:
            with writing(self._store) as connection:
                count = delete(connection)
            if count < most:
                return


def _tombstone(row: Instance, policy: Policy, now: int) -> Tombstone:
    if row.ended_at is None:
        raise ValueError(f"instance {row.id} has not ended")
    keys_until = policy.keys_until(now)
    return Tombstone(
        instance=row.id,
        process=row.process,
        version=row.version,
        status=row.status,
        business_key=row.business_key,
        started_at=row.started_at,
        ended_at=row.ended_at,
        purged_at=now,
        keys_until=keys_until,
        expires_at=None if keys_until is None else max(keys_until, now + KNOWN_MS),
        archived=policy.archive,
    )
