"""Semantic locks: for every name a line of requests; the instance that is first holds it, with all its steps.

Whoever changes a line holds its advisory lock, so that a line has one order and one holder.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from saga_coordinator.models import locks


class Request(msgspec.Struct, frozen=True, order=True):
    """A step of an instance wants (or gives up) these locks."""

    instance: str
    step: int
    names: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """A place in the line of a name."""

    name: str
    instance: str
    step: int
    granted: bool


class Exchanged(msgspec.Struct):
    """What a change of lines led to: requests that have all their locks now, and for others who is before them."""

    granted: list[Request] = []
    busy: list[tuple[Request, dict[str, str]]] = []


def exchange(
    connection: Connection, wanted: Sequence[Request], released: Sequence[Request], again_at: int
) -> Exchanged:
    """Leave the lines of `released`, join those of `wanted`, and see whose turn it is now. A grant that no journal has
    by `again_at` is told again."""
    names = sorted({name for request in (*wanted, *released) for name in request.names})
    if not names:
        return Exchanged()
    _lock(connection, names)
    for request in released:
        connection.execute(delete(locks).where(locks.c.instance_id == request.instance, locks.c.step == request.step))
    for request in wanted:
        _join(connection, request)
    return _turns(connection, names, wanted, again_at)


def confirm(connection: Connection, keys: Iterable[tuple[str, int]]) -> None:
    """The journals of these (instance, step) know that they hold their locks."""
    _set_wake(connection, keys, None)


def overdue(connection: Connection, now: int, limit: int) -> list[tuple[str, int]]:
    """(instance, step) of grants that were told some time ago and that no journal has."""
    c = locks.c
    statement = select(c.instance_id, c.step).where(c.wake_at <= now).distinct().order_by(c.instance_id).limit(limit)
    return [(row[0], row[1]) for row in connection.execute(statement)]


def tell_later(connection: Connection, keys: Iterable[tuple[str, int]], again_at: int) -> None:
    """They have been told again."""
    _set_wake(connection, keys, again_at)


def of_instances(connection: Connection, instances: Sequence[str]) -> list[Request]:
    """What these instances hold or wait for."""
    c = locks.c
    statement = select(c.instance_id, c.step, c.name).where(c.instance_id.in_(instances))
    names: dict[tuple[str, int], list[str]] = {}
    for instance, step, name in connection.execute(statement.order_by(c.instance_id, c.step, c.name)):
        names.setdefault((instance, step), []).append(name)
    return [Request(*key, tuple(held)) for key, held in names.items()]


def _set_wake(connection: Connection, keys: Iterable[tuple[str, int]], at: int | None) -> None:
    pairs = sorted(keys)
    if pairs:
        where = tuple_(locks.c.instance_id, locks.c.step).in_(pairs)
        connection.execute(update(locks).where(where).values(wake_at=at))


def _lock(connection: Connection, names: Sequence[str]) -> None:
    if connection.dialect.name == "postgresql":
        keys = sorted({_lock_key(name) for name in names})
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(k) FROM (SELECT unnest(%b::bigint[]) AS k ORDER BY 1) AS keys", (keys,)
        )


def _lock_key(name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"semantic-lock").digest()
    return int.from_bytes(digest, "big", signed=True)


def _join(connection: Connection, request: Request) -> None:
    highest = select(locks.c.name, func.max(locks.c.position)).where(locks.c.name.in_(request.names))
    last: dict[str, int] = {row[0]: row[1] for row in connection.execute(highest.group_by(locks.c.name))}
    rows = [
        {
            "name": name,
            "position": last.get(name, 0) + 1,
            "instance_id": request.instance,
            "step": request.step,
            "granted": False,
        }
        for name in request.names
    ]
    connection.execute(insert(locks), rows)


def _turns(connection: Connection, names: Sequence[str], wanted: Sequence[Request], again_at: int) -> Exchanged:
    """Give every name to the instance that holds it already, else to the first in its line; to each of its steps."""
    c = locks.c
    statement = select(c.name, c.instance_id, c.step, c.granted).where(c.name.in_(names)).order_by(c.name, c.position)
    lines: dict[str, list[Place]] = {}
    for row in connection.execute(statement):
        lines.setdefault(row[0], []).append(Place(*row))
    holders = {name: next((p for p in line if p.granted), line[0]).instance for name, line in lines.items()}
    fresh = [p for line in lines.values() for p in line if not p.granted and p.instance == holders[p.name]]
    for place in fresh:
        where = (c.name == place.name) & (c.instance_id == place.instance) & (c.step == place.step)
        connection.execute(update(locks).where(where).values(granted=True))
    granted = _complete(connection, {(place.instance, place.step) for place in fresh})
    _set_wake(connection, granted, again_at)
    waiting = [request for request in wanted if (request.instance, request.step) not in granted]
    return Exchanged(
        granted=[Request(instance, step) for instance, step in sorted(granted)],
        busy=[(request, _others(request, holders)) for request in waiting],
    )


def _complete(connection: Connection, keys: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of these (instance, step) that have all the locks they asked for."""
    if not keys:
        return set()
    c = locks.c
    lacking = select(c.instance_id, c.step).where(tuple_(c.instance_id, c.step).in_(sorted(keys)), c.granted.is_(False))
    return keys - {(row[0], row[1]) for row in connection.execute(lacking)}


def _others(request: Request, holders: dict[str, str]) -> dict[str, str]:
    return {name: holders[name] for name in request.names if holders.get(name, request.instance) != request.instance}
