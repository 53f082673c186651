"""Timers of instances, and the schedules that start instances."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select, tuple_, update
from sqlalchemy import insert as insert_into

from saga_coordinator.models import schedules, timers
from service_kit import bulk


class Timer(msgspec.Struct, frozen=True, order=True):
    """A timer of an instance, due at `due` (ms), to be published at `wake_at`."""

    instance: str
    timer: int
    due: int = 0
    wake_at: int = 0


class Schedule(msgspec.Struct, frozen=True):
    """A timer start event: next due at `due` (ms), then `every` (ISO 8601), `remaining` more times (None: for ever)."""

    process: str
    element: str
    version: int
    due: int
    every: str | None = None
    remaining: int | None = None


_insert = bulk.insert("timers", {"instance_id": "text", "timer": "integer", "due": "bigint", "wake_at": "bigint"})
_delete = bulk.delete("timers", {"instance_id": "text", "timer": "integer"})


def insert(connection: Connection, rows: Sequence[Timer]) -> None:
    """New timers, sorted."""
    _insert.run(connection, [(row.instance, row.timer, row.due, row.wake_at) for row in rows])


def remove(connection: Connection, keys: Sequence[tuple[str, int]]) -> None:
    """Forget (instance, timer), sorted: consumed, or not needed any more."""
    _delete.run(connection, keys)


def claim_due(connection: Connection, now: int, again_at: int, limit: int) -> list[Timer]:
    """Timers that are due and nobody else is claiming now; they will be due again at `again_at` if they still exist."""
    due = (
        select(timers.c.instance_id, timers.c.timer, timers.c.due)
        .where(timers.c.wake_at <= now)
        .order_by(timers.c.wake_at, timers.c.instance_id, timers.c.timer)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [Timer(*row) for row in connection.execute(due)]
    if found:
        keys = [(row.instance, row.timer) for row in found]
        where = tuple_(timers.c.instance_id, timers.c.timer).in_(keys)
        connection.execute(update(timers).where(where).values(wake_at=again_at))
    return found


def schedule(connection: Connection, process: str, rows: Sequence[Schedule]) -> None:
    """These are the schedules of `process` now."""
    connection.execute(delete(schedules).where(schedules.c.process == process))
    if rows:
        connection.execute(insert_into(schedules), [msgspec.structs.asdict(row) for row in rows])


def schedules_due(connection: Connection, now: int) -> list[Schedule]:
    """Schedules that are due."""
    statement = select(schedules).where(schedules.c.due <= now).order_by(schedules.c.due)
    return [Schedule(*row) for row in connection.execute(statement)]


def reschedule(connection: Connection, was: Schedule, due: int | None) -> None:
    """`was` has been published; it is due again at `due` (None: never). Does nothing if somebody else has done it."""
    where = (
        (schedules.c.process == was.process)
        & (schedules.c.element == was.element)
        & (schedules.c.version == was.version)
        & (schedules.c.due == was.due)
    )
    if due is None:
        connection.execute(delete(schedules).where(where))
    else:
        remaining = None if was.remaining is None else was.remaining - 1
        connection.execute(update(schedules).where(where).values(due=due, remaining=remaining))


def any_due(connection: Connection, now: int) -> bool:
    """Whether a timer is due."""
    return connection.execute(select(timers.c.timer).where(timers.c.wake_at <= now).limit(1)).first() is not None
