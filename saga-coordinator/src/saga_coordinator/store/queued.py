"""Starts that wait for their business key."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select, update

from saga_coordinator.models import business_keys, queued_starts
from service_kit import bulk


class Queued(msgspec.Struct, frozen=True, order=True):
    """A start (`input`: JSON) that waits for (process, key) since `at` (ms)."""

    input_id: str
    process: str
    key: str
    at: int
    input: bytes


_insert = bulk.insert(
    "queued_starts",
    {
        "input_id": "text",
        "process": "text",
        "key": "text",
        "at": "bigint",
        "input": "bytea",
        "wake_at": "bigint",
    },
)


def insert(connection: Connection, rows: Sequence[Queued]) -> None:
    """Let starts wait; those that do already keep their place."""
    _insert.run(connection, [(*msgspec.structs.astuple(row), row.at) for row in sorted(rows)])


def remove(connection: Connection, input_ids: Sequence[str]) -> None:
    """They wait no more."""
    if input_ids:
        connection.execute(delete(queued_starts).where(queued_starts.c.input_id.in_(sorted(input_ids))))


def find(connection: Connection, input_ids: Sequence[str]) -> set[str]:
    """Which of these inputs wait."""
    return set(connection.scalars(select(queued_starts.c.input_id).where(queued_starts.c.input_id.in_(input_ids))))


def next_in_line(connection: Connection, now: int, limit: int) -> list[Queued]:
    """The oldest start of each key that is free now."""
    c = queued_starts.c
    same_key = (business_keys.c.process == c.process) & (business_keys.c.key == c.key)
    statement = (
        select(c.input_id, c.process, c.key, c.at, c.input)
        .join(business_keys, same_key)
        .where(business_keys.c.released, c.wake_at <= now)
        .order_by(c.at, c.input_id)
        .limit(limit)
    )
    oldest: dict[tuple[str, str], Queued] = {}
    for row in connection.execute(statement):
        oldest.setdefault((row[1], row[2]), Queued(*row))
    return list(oldest.values())


def wake_later(connection: Connection, rows: Sequence[Queued], again_at: int) -> None:
    """They have been published; try again at `again_at` if they still wait then."""
    ids = [row.input_id for row in rows]
    connection.execute(update(queued_starts).where(queued_starts.c.input_id.in_(ids)).values(wake_at=again_at))
