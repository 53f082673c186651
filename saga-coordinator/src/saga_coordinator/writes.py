"""Everything that a batch of decided chains changes in the store, netted."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from saga_coordinator import wire
from saga_coordinator.chains import ASKED, Chain, Journalled, Poisoned, Refused, Stale, Waiting
from saga_coordinator.engine import InstanceState, open_commands
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.effects import FINAL
from saga_coordinator.lanes import root_of
from saga_coordinator.store import journal
from saga_coordinator.store.erasures import Erasure
from saga_coordinator.store.held_commands import Held
from saga_coordinator.store.instances import Claim, Instance
from saga_coordinator.store.locks import Request
from saga_coordinator.store.queued import Queued
from saga_coordinator.store.refusals import Refusal


class Writes(msgspec.Struct):
    """Everything that the chains change, netted: what comes and goes within the batch is not written."""

    rows: list[journal.Row] = []
    started: dict[str, Instance] = {}
    statuses: dict[str, tuple[str, int | None]] = {}
    versions: dict[str, int] = {}
    claims: list[Claim] = []
    releases: list[Claim] = []
    queued: list[Queued] = []
    dequeued: list[str] = []
    timers: dict[tuple[str, int], tuple[int, bool]] = {}
    timers_over: set[tuple[str, int]] = set()
    locks: dict[tuple[str, int], Request] = {}
    locks_confirmed: set[tuple[str, int]] = set()
    locks_over: dict[tuple[str, int], Request] = {}
    subscriptions: dict[tuple[str, int], tuple[str, str]] = {}
    subscriptions_over: set[tuple[str, int]] = set()
    subscriptions_again: dict[tuple[str, int], tuple[str, str]] = {}
    listeners: dict[tuple[str, int], str] = {}
    listeners_over: set[tuple[str, int]] = set()
    consumed: list[tuple[str, str]] = []
    signals_over: list[tuple[str, str]] = []
    held: dict[str, Held] = {}
    held_over: set[str] = set()
    snapshots: list[tuple[str, int, bytes]] = []
    contents: dict[str, bytes] = {}
    references: set[tuple[str, str]] = set()
    erasures: dict[str, Erasure] = {}
    refusals: list[Refusal] = []

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        lasting = self.rows or self.refusals or self.queued
        return not (lasting or self.timers_over or self.signals_over or self.held_over)


def writes_of(chains: Iterable[Chain], now: int, snapshot_every: int, suspended: Collection[str] = ()) -> Writes:
    """Collect the writes of chains; commands for the systems that are `suspended` are held."""
    writes = Writes()
    for chain in sorted(chains, key=lambda chain: chain.instance):
        for item, result in zip(chain.items, chain.results, strict=True):
            if type(result) is Journalled:
                _collect(writes, result)
            elif type(result) is Refused:
                writes.refusals.append(msgspec.structs.replace(result.refusal, at=now))
            elif type(result) is Waiting:
                writes.queued.append(result.queued)
            elif type(result) is Poisoned and isinstance(item.input, ASKED):
                refusal = Refusal(item.input.id, chain.instance, "CANNOT_BE_HANDLED", result.reason, None, now)
                writes.refusals.append(refusal)
            elif type(result) is Stale:
                _stale(writes, item.input)
        _hold(writes, chain, suspended)
        _subscriptions_again(writes, chain)
        _snapshot(writes, chain, snapshot_every)
    return writes


def _collect(writes: Writes, entry: Journalled) -> None:
    writes.rows.append(entry.row)
    if entry.row.contents:
        _refer(writes, entry.row.instance, entry.row.contents)
    for fact in entry.facts:
        collect = _COLLECT.get(type(fact))
        if collect is not None:
            collect(writes, entry, fact)
    if type(entry.input) is i.MessageArrived:
        writes.consumed.append((entry.row.input_id, entry.row.instance))
    elif type(entry.input) is i.TimerDue:
        _timer_over(writes, (entry.row.instance, entry.input.timer))
    elif type(entry.input) is i.SignalArrived:
        writes.signals_over.append((entry.row.instance, entry.row.input_id))


def _stale(writes: Writes, input_: i.Input) -> None:
    """Nobody sends it again."""
    if isinstance(input_, i.TimerDue):
        writes.timers_over.add((input_.instance, input_.timer))
    elif isinstance(input_, i.SignalArrived):
        writes.signals_over.append((input_.instance, input_.id))
    elif isinstance(input_, i.CommandFreed):
        writes.held_over.add(input_.command)


def _hold(writes: Writes, chain: Chain, suspended: Collection[str]) -> None:
    """What was issued or freed and is open at the end of the chain: held if its system is suspended, else it is out."""
    if not suspended and not any(type(item.input) is i.CommandFreed for item in chain.items):
        return
    facts = [fact for entry in chain.entries for fact in entry.facts]
    freed = {fact.command for fact in facts if type(fact) is f.CommandReleased}
    asked = freed | {fact.command for fact in facts if type(fact) is f.CommandIssued}
    if not asked or chain.state is None:
        return
    held = {row.command: row for row in held_of(chain.state, suspended, chain.state.now) if row.command in asked}
    writes.held |= held
    writes.held_over |= freed - held.keys()


def held_of(state: InstanceState, suspended: Collection[str], now: int) -> list[Held]:
    """The open commands of an instance that are for a suspended system."""
    return [
        Held(command.command, state.id, command.step, command.system, now)
        for command in open_commands(state)
        if command.system in suspended
    ]


def _migrated(writes: Writes, entry: Journalled, fact: f.Migrated) -> None:
    id_ = entry.row.instance
    new = writes.started.get(id_)
    if new is not None:
        writes.started[id_] = msgspec.structs.replace(new, version=fact.version)
    else:
        writes.versions[id_] = fact.version


def _refer(writes: Writes, instance: str, contents: Mapping[str, bytes]) -> None:
    writes.contents |= contents
    writes.references |= {(instance, digest) for digest in contents}


def _started(writes: Writes, entry: Journalled, fact: f.InstanceStarted) -> None:
    id_, state = entry.row.instance, entry.state
    writes.started[id_] = Instance(
        id_,
        fact.process,
        fact.version,
        state.status,
        fact.business_key,
        entry.row.at,
        parent=fact.parent,
        root=None if fact.parent is None else root_of(id_),
    )
    if fact.business_key is not None and entry.owns_key:
        writes.claims.append(Claim(fact.process, fact.business_key, id_))
        if entry.business_key.policy == "queue":
            writes.dequeued.append(entry.row.input_id)


def _status_changed(writes: Writes, entry: Journalled, fact: f.StatusChanged) -> None:
    id_, state = entry.row.instance, entry.state
    final = fact.status in FINAL
    ended_at = entry.row.at if final else None
    new = writes.started.get(id_)
    if new is not None:
        writes.started[id_] = msgspec.structs.replace(new, status=fact.status, ended_at=ended_at)
    else:
        writes.statuses[id_] = (fact.status, ended_at)
    if final and state.business_key is not None and entry.owns_key and entry.business_key.is_released(fact.status):
        writes.releases.append(Claim(state.process, state.business_key, id_))


def _timer_set(writes: Writes, entry: Journalled, fact: f.TimerSet) -> None:
    writes.timers[(entry.row.instance, fact.timer)] = (fact.due, wire.is_due_at_once(fact, entry.row.at))


def _timer_cleared(writes: Writes, entry: Journalled, fact: f.TimerCleared) -> None:
    _timer_over(writes, (entry.row.instance, fact.timer))


def _timer_over(writes: Writes, timer: tuple[str, int]) -> None:
    if writes.timers.pop(timer, None) is None:
        writes.timers_over.add(timer)


def _locks_requested(writes: Writes, entry: Journalled, fact: f.LocksRequested) -> None:
    request = Request(entry.row.instance, fact.step, tuple(fact.names))
    writes.locks[(request.instance, request.step)] = request


def _locks_taken(writes: Writes, entry: Journalled, fact: f.LocksTaken) -> None:
    writes.locks_confirmed.add((entry.row.instance, fact.step))


def _locks_released(writes: Writes, entry: Journalled, fact: f.LocksReleased) -> None:
    key = (entry.row.instance, fact.step)
    writes.locks_confirmed.discard(key)
    if writes.locks.pop(key, None) is None:
        writes.locks_over[key] = Request(*key, tuple(fact.names))


def _subscribed(writes: Writes, entry: Journalled, fact: f.Subscribed) -> None:
    subscription = (entry.row.instance, fact.subscription)
    if fact.signal:
        writes.listeners[subscription] = fact.name
    else:
        writes.subscriptions[subscription] = (fact.name, fact.key)


def _unsubscribed(writes: Writes, entry: Journalled, fact: f.Unsubscribed) -> None:
    """It was for a message or for a signal: only the fact that opened it tells."""
    subscription = (entry.row.instance, fact.subscription)
    if writes.subscriptions.pop(subscription, None) is None and writes.listeners.pop(subscription, None) is None:
        writes.subscriptions_over.add(subscription)
        writes.listeners_over.add(subscription)


def _values_erased(writes: Writes, entry: Journalled, fact: f.ValuesErased) -> None:
    id_, before = entry.row.instance, writes.erasures.get(entry.row.instance)
    identifiers = fact.identifiers or (before is not None and before.identifiers)
    writes.erasures[id_] = Erasure(id_, entry.row.seq, identifiers)


_COLLECT: dict[type, Callable[[Writes, Journalled, Any], None]] = {
    f.InstanceStarted: _started,
    f.StatusChanged: _status_changed,
    f.Migrated: _migrated,
    f.TimerSet: _timer_set,
    f.TimerCleared: _timer_cleared,
    f.LocksRequested: _locks_requested,
    f.LocksTaken: _locks_taken,
    f.LocksReleased: _locks_released,
    f.Subscribed: _subscribed,
    f.Unsubscribed: _unsubscribed,
    f.ValuesErased: _values_erased,
}


def _subscriptions_again(writes: Writes, chain: Chain) -> None:
    """A subscription that outlives its message (a boundary event that does not interrupt) takes the next one."""
    for item, result in zip(chain.items, chain.results, strict=True):
        if type(item.input) is i.MessageArrived and type(result) is Journalled and chain.state is not None:
            open_ = chain.state.subscriptions.get(item.input.subscription)
            if open_ is not None:
                writes.subscriptions_again[(chain.instance, open_.id)] = (open_.name, open_.key)


def _snapshot(writes: Writes, chain: Chain, every: int) -> None:
    before, after = chain.known.state.seq if chain.known else 0, chain.state
    if after is not None and after.seq // every > before // every:
        aside: dict[str, bytes] = {}
        writes.snapshots.append((chain.instance, after.seq, wire.snapshot_of(after, aside)))
        _refer(writes, chain.instance, aside)
