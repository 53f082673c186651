"""Who waits for signals, and those who are still to be told that one was thrown.

A signal goes to everybody who waits for it when it is routed. That is one statement; telling them goes on in pages.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Connection, Text, cast, delete, insert, literal, select, tuple_, update

from saga_coordinator.models import signal_deliveries, signal_subscriptions, signals
from service_kit import bulk


class Signal(msgspec.Struct, frozen=True):
    """A signal that was thrown; `payload` is JSON. The instance `besides` has it already."""

    id: str
    name: str
    payload: bytes
    besides: str = ""


class Told(msgspec.Struct, frozen=True):
    """One who is told of a signal, by the input `input_id`."""

    instance: str
    input_id: str
    subscription: int
    name: str
    payload: bytes


_open = bulk.insert("signal_subscriptions", {"instance_id": "text", "subscription": "integer", "name": "text"})
_close = bulk.delete("signal_subscriptions", {"instance_id": "text", "subscription": "integer"})
_consume = bulk.delete("signal_deliveries", {"instance_id": "text", "input_id": "text"})


def listen(connection: Connection, rows: Sequence[tuple[str, int, str]]) -> None:
    """New subscriptions (instance, subscription, name), sorted."""
    _open.run(connection, rows)


def close(connection: Connection, keys: Sequence[tuple[str, int]]) -> None:
    """Forget (instance, subscription), sorted."""
    _close.run(connection, keys)


def waited_for(connection: Connection, names: Sequence[str]) -> set[str]:
    """Which of these signals somebody waits for."""
    s = signal_subscriptions.c
    return set(connection.scalars(select(s.name).where(s.name.in_(sorted(set(names)))).distinct()))


def throw(connection: Connection, signal: Signal, now: int) -> int:
    """Keep the signal for everybody who waits for it now; how many they are. Each is to be told at once."""
    s = signal_subscriptions.c
    waiting = select(
        s.instance_id,
        literal(f"sig:{signal.id}:", Text) + cast(s.subscription, Text),
        literal(signal.id, Text),
        s.subscription,
        literal(now, BigInteger),
    ).where(s.name == signal.name, s.instance_id != signal.besides)
    columns = ["instance_id", "input_id", "signal", "subscription", "wake_at"]
    told = connection.execute(insert(signal_deliveries).from_select(columns, waiting)).rowcount
    if told:
        row = {"id": signal.id, "name": signal.name, "payload": signal.payload, "at": now}
        connection.execute(insert(signals), row)
    return told


def claim(
    connection: Connection, now: int, again_at: int, limit: int, thrown: Sequence[str] | None = None
) -> list[Told]:
    """Up to `limit` who are to be told now (of the signals `thrown`, if given), and whom nobody else is claiming. Those
    whose journals do not have it by `again_at` are told again."""
    d = signal_deliveries.c
    due = select(d.instance_id, d.input_id).where(d.wake_at <= now).order_by(d.wake_at, d.instance_id, d.input_id)
    if thrown is not None:
        due = due.where(d.signal.in_(thrown))
    found = [(row[0], row[1]) for row in connection.execute(due.limit(limit).with_for_update(skip_locked=True))]
    if not found:
        return []
    these = tuple_(d.instance_id, d.input_id).in_(found)
    connection.execute(update(signal_deliveries).where(these).values(wake_at=again_at))
    columns = (d.instance_id, d.input_id, d.subscription, signals.c.name, signals.c.payload)
    statement = select(*columns).join(signals, signals.c.id == d.signal).where(these)
    return [Told(*row) for row in connection.execute(statement.order_by(d.instance_id, d.input_id))]


def any_due(connection: Connection, now: int) -> bool:
    """Whether somebody is to be told."""
    d = signal_deliveries.c
    return connection.execute(select(d.input_id).where(d.wake_at <= now).limit(1)).first() is not None


def consume(connection: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """(instance, input id), sorted: its journal has it now, or it does not matter any more."""
    _consume.run(connection, keys)


def purge(connection: Connection, before: int, limit: int) -> int:
    """Forget up to `limit` signals thrown before `before` (ms) that everybody has; how many it were."""
    open_ = select(signal_deliveries.c.signal).where(signal_deliveries.c.signal == signals.c.id).exists()
    over = select(signals.c.id).where(signals.c.at < before, ~open_).limit(limit)
    return connection.execute(delete(signals).where(signals.c.id.in_(over))).rowcount
