"""Subscriptions, and the messages that no journal has yet.

Whoever opens a subscription or routes a message holds the correlation lock of its (name, key): so a message that comes
while its subscription is being opened sees the subscription, or is seen by it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_, update

from saga_coordinator.models import journal, messages, seen_events, subscriptions
from service_kit import bulk


class Subscription(msgspec.Struct, frozen=True, order=True):
    """An instance waits for a message."""

    instance: str
    subscription: int
    name: str = ""
    key: str = ""


class Message(msgspec.Struct, frozen=True):
    """A message; `payload` is JSON. `instance` and `subscription` are whose it is, None: it came early. A new one
    may say for how long (`ttl`, ms) it is kept."""

    id: str
    name: str
    key: str
    payload: bytes
    instance: str | None = None
    subscription: int | None = None
    ttl: int | None = None


_open = bulk.insert(
    "subscriptions",
    {"instance_id": "text", "subscription": "integer", "name": "text", "key": "text", "opened_at": "bigint"},
)
_close = bulk.delete("subscriptions", {"instance_id": "text", "subscription": "integer"})
_consume = bulk.delete("messages", {"id": "text", "instance_id": "text"})
_MESSAGE = (
    messages.c.id,
    messages.c.name,
    messages.c.key,
    messages.c.payload,
    messages.c.instance_id,
    messages.c.subscription,
)


def lock(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Hold the correlation locks of these (name, key) pairs until the transaction ends. SQLite has one writer."""
    if connection.dialect.name != "postgresql":
        return
    keys = sorted({_lock_key(name, key) for name, key in pairs})
    if keys:
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(k) FROM (SELECT unnest(%b::bigint[]) AS k ORDER BY 1) AS keys", (keys,)
        )


def _lock_key(name: str, key: str) -> int:
    digest = hashlib.blake2b(f"{name}\x1f{key}".encode(), digest_size=8, person=b"correlation").digest()
    return int.from_bytes(digest, "big", signed=True)


def open_subscriptions(connection: Connection, rows: Sequence[Subscription], now: int) -> None:
    """New subscriptions, sorted, under their locks."""
    _open.run(connection, [(row.instance, row.subscription, row.name, row.key, now) for row in rows])


def close_subscriptions(connection: Connection, keys: Sequence[tuple[str, int]]) -> None:
    """Forget (instance, subscription), sorted."""
    _close.run(connection, keys)


def free_subscriptions(connection: Connection, rows: Sequence[Subscription]) -> None:
    """These subscriptions have consumed their message and wait for the next, under their locks."""
    if rows:
        keys = [(row.instance, row.subscription) for row in rows]
        where = tuple_(subscriptions.c.instance_id, subscriptions.c.subscription).in_(keys)
        connection.execute(update(subscriptions).where(where).values(message=None))


def waiting(connection: Connection, pairs: Iterable[tuple[str, str]]) -> list[Subscription]:
    """Open subscriptions to these (name, key) pairs that have no message yet, oldest first; locked."""
    c = subscriptions.c
    statement = (
        select(c.instance_id, c.subscription, c.name, c.key, c.opened_at)
        .where(tuple_(c.name, c.key).in_(sorted(set(pairs))), c.message.is_(None))
        .order_by(c.instance_id, c.subscription)
        .with_for_update()
    )
    found = sorted(connection.execute(statement), key=lambda row: (row[4], row[0], row[1]))
    return [Subscription(row[0], row[1], row[2], row[3]) for row in found]


def early(connection: Connection, pairs: Iterable[tuple[str, str]], now: int) -> list[Message]:
    """Messages for these (name, key) pairs that have nobody yet and are still wanted, oldest first; locked."""
    c = messages.c
    statement = (
        select(*_MESSAGE, c.at)
        .where(tuple_(c.name, c.key).in_(sorted(set(pairs))), c.instance_id.is_(None), c.expires_at > now)
        .order_by(c.id)
        .with_for_update()
    )
    found = sorted(connection.execute(statement), key=lambda row: (row[6], row[0]))
    return [Message(*row[:6]) for row in found]


def keep(connection: Connection, rows: Sequence[Message], now: int, ttl: int, again_at: int) -> None:
    """New messages, given to somebody or early; those that do not say for how long are kept for `ttl` (ms)."""
    if rows:
        values = [
            {
                "id": row.id,
                "name": row.name,
                "key": row.key,
                "payload": row.payload,
                "at": now,
                "expires_at": now + (ttl if row.ttl is None else row.ttl),
                "instance_id": row.instance,
                "subscription": row.subscription,
                "wake_at": None if row.instance is None else again_at,
            }
            for row in rows
        ]
        connection.execute(insert(messages), values)


def give(connection: Connection, rows: Sequence[Message], again_at: int) -> None:
    """Stored messages go to the instance and subscription they name now."""
    if not rows:
        return
    statement = (
        update(messages)
        .where(messages.c.id == bindparam("b_id"))
        .values(instance_id=bindparam("b_instance"), subscription=bindparam("b_subscription"), wake_at=again_at)
    )
    connection.execute(
        statement, [{"b_id": m.id, "b_instance": m.instance, "b_subscription": m.subscription} for m in rows]
    )


def take_subscriptions(connection: Connection, rows: Sequence[Message]) -> None:
    """The subscriptions of these messages have theirs now."""
    if not rows:
        return
    statement = (
        update(subscriptions)
        .where(
            subscriptions.c.instance_id == bindparam("b_instance"),
            subscriptions.c.subscription == bindparam("b_subscription"),
        )
        .values(message=bindparam("b_id"))
    )
    connection.execute(
        statement, [{"b_id": m.id, "b_instance": m.instance, "b_subscription": m.subscription} for m in rows]
    )


def consume(connection: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """(message, instance), sorted: its journal has it now."""
    _consume.run(connection, keys)


def of_instances(connection: Connection, instances: Sequence[str]) -> list[Message]:
    """Messages that are on their way to these instances."""
    return [Message(*row) for row in connection.execute(select(*_MESSAGE).where(messages.c.instance_id.in_(instances)))]


def held(connection: Connection, keys: Sequence[tuple[str, str, int]]) -> list[Message]:
    """Of these (message, instance, subscription): messages that belong to those and that no journal has yet."""
    where = tuple_(messages.c.id, messages.c.instance_id, messages.c.subscription).in_(keys)
    return [Message(*row) for row in connection.execute(select(*_MESSAGE).where(where))]


def take_back(connection: Connection, ids: Sequence[str]) -> None:
    """These messages have nobody any more."""
    values = {"instance_id": None, "subscription": None, "wake_at": None}
    connection.execute(update(messages).where(messages.c.id.in_(ids)).values(values))


def claim_overdue(connection: Connection, now: int, again_at: int, limit: int) -> list[Message]:
    """Messages that were given to somebody long ago and are in no journal yet."""
    statement = select(*_MESSAGE).where(messages.c.wake_at <= now).limit(limit).with_for_update(skip_locked=True)
    found = [Message(*row) for row in connection.execute(statement)]
    if found:
        ids = [row.id for row in found]
        connection.execute(update(messages).where(messages.c.id.in_(ids)).values(wake_at=again_at))
    return found


def seen(connection: Connection, ids: Sequence[str]) -> dict[str, bytes]:
    """The inputs (JSON) that these events became, of those that were routed already."""
    statement = select(seen_events.c.id, seen_events.c.inputs).where(seen_events.c.id.in_(ids))
    return {row[0]: row[1] for row in connection.execute(statement)}


def remember(connection: Connection, rows: Sequence[tuple[str, bytes]], now: int) -> None:
    """These events became these inputs (JSON)."""
    if rows:
        connection.execute(insert(seen_events), [{"id": id_, "at": now, "inputs": inputs} for id_, inputs in rows])


def purge_early(connection: Connection, now: int, limit: int) -> int:
    """Forget up to `limit` early messages whose time is over; how many it were."""
    c = messages.c
    over = select(c.id).where(c.instance_id.is_(None), c.expires_at <= now).limit(limit)
    return connection.execute(delete(messages).where(c.id.in_(over))).rowcount


def purge_seen(connection: Connection, before: int, limit: int) -> int:
    """Forget up to `limit` events that were seen before (ms); how many it were."""
    c = seen_events.c
    over = select(c.id).where(c.at < before).order_by(c.at).limit(limit)
    return connection.execute(delete(seen_events).where(c.id.in_(over))).rowcount


def seen_by(connection: Connection, instance: str) -> dict[str, bytes]:
    """The inputs (JSON) that events became which this instance has taken."""
    taken = seen_events.join(journal, journal.c.input_id == seen_events.c.id)
    statement = select(seen_events.c.id, seen_events.c.inputs).select_from(taken)
    return {row[0]: row[1] for row in connection.execute(statement.where(journal.c.instance_id == instance))}


def rewrite_seen(connection: Connection, rows: Mapping[str, bytes]) -> None:
    """These events became these inputs (JSON), as far as it is still told."""
    for id_, inputs in sorted(rows.items()):
        connection.execute(update(seen_events).where(seen_events.c.id == id_).values(inputs=inputs))


def any_overdue(connection: Connection, now: int) -> bool:
    """Whether a message was given to somebody long ago and is in no journal yet."""
    return connection.execute(select(messages.c.id).where(messages.c.wake_at <= now).limit(1)).first() is not None
