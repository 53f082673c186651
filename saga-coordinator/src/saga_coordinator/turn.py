"""One turn: a batch of inputs is decided, committed and turned into messages.

Two rules keep it right whatever anybody else does at the same time:

* A journal row has one place, and an input one row. Whoever loses reads again and decides again.
* Nobody acts on what it only remembers: an input that makes no sense on a remembered state is decided again on the
  state that the journal tells now.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from sqlalchemy import Connection

from saga_coordinator import locking, secrecy, wire
from saga_coordinator.aftermath import Aftermath
from saga_coordinator.cache import Known, folded
from saga_coordinator.chains import ASKED, Chain, Item, by_instance
from saga_coordinator.claims import claims_of, one_claim_per_key
from saga_coordinator.context import Context, Done
from saga_coordinator.deciding import PURGED, Decider
from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import Poison
from saga_coordinator.store import instances, journal, refusals, tombstones
from saga_coordinator.store.instances import Claim
from saga_coordinator.store.journal import Row
from saga_coordinator.store.messages import Message
from saga_coordinator.store.queued import Queued
from saga_coordinator.store.refusals import Refusal
from saga_coordinator.store.tombstones import Tombstone
from saga_coordinator.writes import Writes, writes_of
from saga_coordinator.writing import KeysLost, RowsLost, write
from service_kit.database import reading, writing


class Turn:
    """The chains of one batch on their way to being committed. `spoiled`: why none of it can be handled."""

    def __init__(self, context: Context, items: Sequence[Item], spoiled: str = "") -> None:
        self._context = context
        self._spoiled = spoiled
        self._items = by_instance(items)
        self._now = context.clock.now()
        freed = any(type(item.input) is i.CommandFreed for item in items)
        self._suspended = context.suspensions.refreshed() if freed else context.suspensions.current()
        self._stored: dict[tuple[str, str], Row] = {}
        self._refused: dict[str, Refusal | Queued] = {}
        self._unreadable: dict[str, str] = {}
        self._purged: dict[str, Tombstone] = {}
        self._given: list[Message] = []
        self._told: list[i.Input] = []

    def run(self) -> Done:
        """Decide and commit everything. Raises sqlalchemy's errors: then nothing that is remembered may be trusted."""
        try:
            self._recall_refusals()
            done = self._committed(self._decided(self._items))
            unreadable = [(item, why) for id_, why in self._unreadable.items() for item in self._items[id_]]
            return Aftermath(self._context, self._now, self._suspended.systems).of(
                done, unreadable, self._given, self._told
            )
        except BaseException:
            self._context.cache.evict(self._items)
            raise

    # -- deciding

    def _recall_refusals(self) -> None:
        """Whoever was told no is not obeyed later because the input was delivered again, and a start that is sent again
        with its idempotency key gets the same answer."""
        again = [
            item.input.id
            for items in self._items.values()
            for item in items
            if type(item.input) is i.Start or (item.delivery.deliveries > 1 and isinstance(item.input, ASKED))
        ]
        if again:
            with reading(self._context.store) as connection:
                self._refused.update(refusals.find(connection, again))

    def _decided(self, wanted: Iterable[str]) -> list[Chain]:
        """Chains decided on remembered states, and where one of them looks wrong, on states read now."""
        remembered: dict[str, Known | None] = {}
        unknown: list[str] = []
        for instance in wanted:
            known = self._context.cache.get(instance)
            if known is None and type(self._items[instance][0].input) is not i.Start:
                unknown.append(instance)
            else:
                remembered[instance] = known
        chains = self._decide(remembered, fresh=False)
        doubtful = [chain.instance for chain in chains if chain.suspicious]
        trusted = [chain for chain in chains if not chain.suspicious]
        return trusted + self._decided_anew(unknown + doubtful)

    def _decided_anew(self, wanted: Sequence[str]) -> list[Chain]:
        """Chains decided on what the journal tells now."""
        if not wanted:
            return []
        self._context.cache.evict(wanted)
        with reading(self._context.store) as connection:
            read = self._read(connection, wanted)
            unsure = [instance for instance, known in read.items() if known is not None and not known.whole]
            pairs = [(instance, item.input.id) for instance in unsure for item in self._items[instance]]
            self._stored.update(journal.rows_of_inputs(connection, pairs))
            purged = tombstones.find(connection, wanted)
        self._context.cache.evict(purged)
        self._purged.update(purged)
        return self._decide({id_: None if id_ in purged else known for id_, known in read.items()}, fresh=True)

    def _read(self, connection: Connection, wanted: Sequence[str]) -> dict[str, Known | None]:
        records = journal.load(connection, wanted)
        read: dict[str, Known | None] = {}
        for instance in wanted:
            record = records.get(instance)
            try:
                known = folded(instance, record) if record else None
                if record is not None and known is None:
                    known = folded(instance, journal.load_whole(connection, instance))
            except Poison as poison:
                self._unreadable[instance] = str(poison)
                continue
            read[instance] = known
            if known is not None:
                self._context.cache.put(instance, known)
        return read

    def _decide(self, states: dict[str, Known | None], *, fresh: bool) -> list[Chain]:
        context = self._context
        decider = Decider(
            context.registry,
            self._now,
            self._stored,
            self._refused,
            context.vault,
            self._spoiled,
            self._purged,
            context.suspensions,
            self._suspended,
        )
        return [
            decider.chain(instance, self._items[instance], known, fresh=fresh) for instance, known in states.items()
        ]

    # -- committing

    def _committed(self, chains: list[Chain]) -> list[Chain]:
        done: list[Chain] = []
        while chains:
            ready, rivals = one_claim_per_key(chains)
            writes = writes_of(ready, self._now, self._context.settings.snapshot_every, self._suspended.systems)
            lost = self._commit(writes)
            if lost is not None:
                kept = [chain for chain in ready if chain.instance not in lost]
                chains = kept + self._decided_anew(sorted(lost)) + rivals
                continue
            self._remember(ready)
            done += ready
            chains = self._against_holders(rivals)
        return done

    def _commit(self, writes: Writes) -> set[str] | None:
        """None when it is committed; else the instances that lost."""
        if writes.empty:
            return None
        again_at = self._now + round(self._context.settings.timer_republish * 1000)
        try:
            with writing(self._context.store) as connection:
                written = write(connection, writes, self._now, again_at)
        except RowsLost:
            return self._rows_lost(writes)
        except KeysLost:
            return self._keys_lost(writes.claims)
        self._given += written.messages
        self._told += locking.told(written.locks)
        return None

    def _rows_lost(self, writes: Writes) -> set[str]:
        with reading(self._context.store) as connection:
            lost = journal.losers(connection, writes.rows)
        return lost or {row.instance for row in writes.rows}

    def _keys_lost(self, claims: Sequence[Claim]) -> set[str]:
        with reading(self._context.store) as connection:
            holders = instances.holders(connection, claims)
            purged = tombstones.find(connection, holders.values())
        lost = set()
        for claim in claims:
            holder = holders.get((claim.process, claim.key))
            if holder is not None and holder != claim.instance:
                self._refuse(claim, holder, purged.get(holder))
                lost.add(claim.instance)
        return lost or {claim.instance for claim in claims}

    def _against_holders(self, rivals: list[Chain]) -> list[Chain]:
        """Chains whose business key another chain of this batch asked for first."""
        if not rivals:
            return []
        claims = [claim for chain in rivals for claim in claims_of(chain)]
        lost = self._keys_lost(claims)
        return [chain for chain in rivals if chain.instance not in lost] + self._decided_anew(sorted(lost))

    def _refuse(self, claim: Claim, holder: str, purged: Tombstone | None) -> None:
        for item in self._items[claim.instance]:
            start = item.input
            if type(start) is not i.Start:
                continue
            policy = self._context.registry.of(start).business_key.policy
            if policy == "queue":
                encoded = wire.encode(self._sealed(start))
                self._refused[start.id] = Queued(start.id, claim.process, claim.key, self._now, encoded)
            else:
                code = "EXISTING_INSTANCE" if policy == "return-existing" else "BUSINESS_KEY_TAKEN"
                message = f"business key {claim.key!r} of process {claim.process!r} is taken"
                if purged is not None:
                    code, message = PURGED, f"{message}: {purged.told}"
                self._refused[start.id] = Refusal(start.id, claim.instance, code, message, holder)

    def _sealed(self, start: i.Start) -> i.Input:
        process = self._context.registry.of(start)
        return secrecy.sealed_input(process, None, start, partial(self._context.vault.seal, start.instance))

    def _remember(self, chains: Iterable[Chain]) -> None:
        for chain in chains:
            entries = chain.entries
            if not entries:
                continue
            inputs = chain.known.inputs if chain.known else {}
            inputs.update((entry.row.input_id, entry.row.seq) for entry in entries)
            whole = chain.known.whole if chain.known else True
            self._context.cache.put(chain.instance, Known(entries[-1].state, inputs, whole))
