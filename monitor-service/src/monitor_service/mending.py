"""Finding out what was missed, and fetching it from the coordinator.

A gap is noticed when an entry comes whose predecessor has not, or when the coordinator's digests go further than the
index. Either way it is a row in `gaps`, which any monitor may deal with: what it fetches twice, it has once.
"""

import time

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from monitor_service import forgetting, store
from monitor_service.coordinator import Coordinator
from monitor_service.errors import CoordinatorAway, InstanceNotFound
from monitor_service.index import Index
from monitor_service.settings import Settings
from service_kit.database import is_unstorable, reading, writing
from service_kit.patience import Patience, Stopped

MOST_GAPS = 500
MOST_FAILURES = 3
NEVER = 2**31 - 1
# So long it is known what was forgotten: shorter than a coordinator refuses to start the same instance again.
KNOWN_MS = 25 * 86_400_000

_log = structlog.get_logger(__name__)


class Mender:
    """Closes gaps. For one thread."""

    def __init__(
        self, index: Index, engine: Engine, coordinator: Coordinator, settings: Settings, patience: Patience
    ) -> None:
        self._index = index
        self._engine = engine
        self._coordinator = coordinator
        self._settings = settings
        self._patience = patience
        self._noticed: dict[str, float] = {}
        self._compare_at = 0.0

    def run(self) -> None:
        """Until stopped."""
        while not self._patience.stopping.wait(self._settings.gap_interval):
            try:
                self._patience.with_store(self._round)
            except Stopped:
                return
            except CoordinatorAway as error:
                _log.warning("monitor.coordinator_away", error=str(error))
                self._patience.stopping.wait(self._settings.gap_grace)

    def _round(self) -> None:
        self.mend(self._settings.gap_grace)
        if time.monotonic() >= self._compare_at:
            self._compare_at = time.monotonic() + self._settings.digest_interval
            self.compare()

    def compare(self) -> int:
        """Forget what was to be forgotten meanwhile, and note every instance of which the coordinator knows more; how
        many. Raises `CoordinatorAway`."""
        began = time.time_ns() // 1_000_000
        with reading(self._engine) as connection:
            before = store.compared_at(connection)
        overlap = round(self._settings.digest_overlap * 1000)
        since = max(0, before - overlap) if before else 0
        for forgotten in self._coordinator.forgotten(since):
            self._index.forget(forgotten)
        behind = 0
        for page in self._coordinator.digests(since):
            behind += self._note_missing(page)
        with writing(self._engine) as connection:
            store.set_compared_at(connection, began)
            forgetting.purge(connection, began - KNOWN_MS)
        return behind

    def _note_missing(self, digests: dict[str, int]) -> int:
        with reading(self._engine) as connection:
            known = store.seqs_of(connection, list(digests))
        missing = {instance: seq for instance, seq in digests.items() if known.get(instance, 0) < seq}
        if missing:
            with writing(self._engine) as connection:
                store.add_gaps(connection, missing)
        return len(missing)

    def mend(self, grace: float = 0.0) -> int:
        """Fold what has arrived since, and fetch what has been missing for `grace` seconds; how many instances were
        fetched. Raises `CoordinatorAway`."""
        with reading(self._engine) as connection:
            gaps = store.list_gaps(connection, MOST_GAPS)
        if not gaps:
            self._noticed = {}
            return 0
        seqs = {instance: seq for instance, (_, seq) in gaps.items()}
        seqs |= self._index.reload([instance for instance, (wanted, seq) in gaps.items() if seq < wanted])
        closed = {instance: seqs[instance] for instance, (wanted, _) in gaps.items() if seqs[instance] >= wanted}
        with writing(self._engine) as connection:
            store.close_gaps(connection, closed)
        now = time.monotonic()
        self._noticed = {i: self._noticed.get(i, now) for i in gaps if i not in closed}
        due = [instance for instance, at in self._noticed.items() if now - at >= grace]
        self._fetch_all({instance: seqs[instance] for instance in due})
        return len(due)

    def _fetch_all(self, seqs: dict[str, int]) -> None:
        """One instance that the coordinator cannot tell about keeps no other from being fetched."""
        failed = 0
        for instance, seq in seqs.items():
            try:
                self._fetch(instance, seq)
            except CoordinatorAway:
                failed += 1
                if failed == MOST_FAILURES:
                    raise
            except DBAPIError as error:
                if not is_unstorable(error):
                    raise
                _log.error("monitor.gap_unstorable", instance=instance, reason=str(error.orig))

    def _fetch(self, instance: str, seq: int) -> None:
        """Everything after `seq`, whatever of it is here already."""
        with reading(self._engine) as connection:
            heard = forgetting.heard(connection, [instance])
        try:
            for page in self._coordinator.journal(instance, seq + 1):
                self._index.absorb(page, heard)
            last = self._index.reload([instance]).get(instance, seq)
        except InstanceNotFound:
            _log.warning("monitor.gap_of_nothing", instance=instance)
            last = NEVER  # the coordinator does not know it (any more): nothing will come
        with writing(self._engine) as connection:
            store.close_gaps(connection, {instance: last})
        _log.info("monitor.gap_filled", instance=instance, after=seq, up_to=last)
