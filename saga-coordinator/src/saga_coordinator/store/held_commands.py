"""Commands that are not sent because their system is suspended."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from saga_coordinator.models import held_commands
from service_kit import bulk


class Held(msgspec.Struct, frozen=True, order=True):
    """One command, held back since `at` (ms)."""

    command: str
    instance: str
    step: int
    system: str
    at: int


_insert = bulk.insert(
    "held_commands",
    {
        "command": "text",
        "instance_id": "text",
        "step": "integer",
        "system": "text",
        "at": "bigint",
        "wake_at": "bigint",
    },
)


def insert(connection: Connection, rows: Iterable[Held]) -> None:
    """Hold commands; those that are held already keep their place."""
    _insert.run(connection, [(*msgspec.structs.astuple(row), row.at) for row in sorted(rows)])


def remove(connection: Connection, commands: Sequence[str]) -> None:
    """They are out, or nobody wants them any more."""
    if commands:
        connection.execute(delete(held_commands).where(held_commands.c.command.in_(sorted(commands))))


def free(connection: Connection, suspended: Iterable[str], now: int, limit: int) -> list[Held]:
    """The oldest of those whose system is none of the suspended ones, and that nobody has tried to send lately."""
    c = held_commands.c
    statement = (
        select(c.command, c.instance_id, c.step, c.system, c.at)
        .where(c.wake_at <= now, c.system.not_in(sorted(suspended)))
        .order_by(c.at, c.command)
        .limit(limit)
    )
    return [Held(*row) for row in connection.execute(statement)]


def wake_later(connection: Connection, commands: Sequence[str], again_at: int) -> None:
    """Their instances have been told; tell them again at `again_at` if they are held still."""
    connection.execute(update(held_commands).where(held_commands.c.command.in_(commands)).values(wake_at=again_at))


def of_instances(connection: Connection, instances: Sequence[str]) -> set[str]:
    """Which commands of these instances are held."""
    c = held_commands.c
    return set(connection.scalars(select(c.command).where(c.instance_id.in_(instances))))


def counts(connection: Connection) -> dict[str, int]:
    """How many commands are held, by system."""
    c = held_commands.c
    return {row[0]: row[1] for row in connection.execute(select(c.system, func.count()).group_by(c.system))}
