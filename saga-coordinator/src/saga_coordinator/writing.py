"""The transaction of a batch of decided chains (the order of `saga_coordinator.store` is kept)."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from saga_coordinator.store import (
    blobs,
    erasures,
    held_commands,
    instances,
    journal,
    locks,
    messages,
    queued,
    refusals,
    signals,
    timers,
)
from saga_coordinator.store.locks import Exchanged
from saga_coordinator.store.messages import Message, Subscription
from saga_coordinator.writes import Writes


class RowsLost(Exception):
    """Somebody else wrote a journal row of ours, or the same input, or purged the instance."""


class KeysLost(Exception):
    """A business key is taken."""


class Written(msgspec.Struct):
    """What the store gave: early messages to new subscriptions, and locks."""

    messages: list[Message] = []
    locks: Exchanged = msgspec.field(default_factory=Exchanged)


def write(connection: Connection, writes: Writes, now: int, again_at: int) -> Written:
    """Write everything; what the store gave. Raises `RowsLost` and `KeysLost`: then the
    transaction must be rolled back."""
    if journal.append(connection, writes.rows) < len(writes.rows):
        raise RowsLost
    blobs.insert(connection, writes.contents, writes.references)
    instances.insert(connection, list(writes.started.values()))
    changes = [(status, at, id_) for id_, (status, at) in writes.statuses.items()]
    if instances.change(connection, changes) < len(changes):
        raise RowsLost  # purged meanwhile: what reopens an instance must not get lost with it
    instances.migrate(connection, sorted((version, id_) for id_, version in writes.versions.items()))
    claims = sorted(writes.claims)
    if instances.claim(connection, claims) < len(claims):
        raise KeysLost
    instances.release(connection, sorted(writes.releases))
    queued.insert(connection, writes.queued)
    queued.remove(connection, writes.dequeued)
    timers.insert(connection, _timers(writes, again_at))
    timers.remove(connection, sorted(writes.timers_over))
    exchanged = locks.exchange(connection, sorted(writes.locks.values()), sorted(writes.locks_over.values()), again_at)
    locks.confirm(connection, writes.locks_confirmed)
    given = _subscribe(connection, writes, now, again_at)
    messages.consume(connection, sorted(writes.consumed))
    signals.listen(connection, [(*key, name) for key, name in sorted(writes.listeners.items())])
    signals.close(connection, sorted(writes.listeners_over))
    signals.consume(connection, sorted(writes.signals_over))
    held_commands.insert(connection, writes.held.values())
    held_commands.remove(connection, list(writes.held_over))
    journal.save_snapshots(connection, writes.snapshots)
    refusals.insert(connection, writes.refusals)
    erasures.insert(connection, list(writes.erasures.values()))
    return Written(given, exchanged)


def _timers(writes: Writes, again_at: int) -> list[timers.Timer]:
    """Those that are due at once are on their way already: they wake up again where that was in vain."""
    return [
        timers.Timer(*key, due, again_at if at_once else due) for key, (due, at_once) in sorted(writes.timers.items())
    ]


def _subscribe(connection: Connection, writes: Writes, now: int, again_at: int) -> list[Message]:
    opened = [Subscription(*key, *pair) for key, pair in sorted(writes.subscriptions.items())]
    again = [Subscription(*key, *pair) for key, pair in sorted(writes.subscriptions_again.items())]
    given: list[Message] = []
    if opened or again:
        pairs = {(row.name, row.key) for row in (*opened, *again)}
        messages.lock(connection, pairs)
        messages.open_subscriptions(connection, opened, now)
        messages.free_subscriptions(connection, again)
        given = match([*again, *opened], messages.early(connection, pairs, now))
        messages.take_subscriptions(connection, given)
        messages.give(connection, given, again_at)
    messages.close_subscriptions(connection, sorted(writes.subscriptions_over))
    return given


def match(open_: Sequence[Subscription], waiting: Sequence[Message]) -> list[Message]:
    """Give each message, in order, to the first subscription to its name and key that has none."""
    free: dict[tuple[str, str], list[Subscription]] = {}
    for subscription in open_:
        free.setdefault((subscription.name, subscription.key), []).append(subscription)
    given = []
    for message in waiting:
        candidates = free.get((message.name, message.key))
        if candidates:
            taker = candidates.pop(0)
            given.append(msgspec.structs.replace(message, instance=taker.instance, subscription=taker.subscription))
    return given
