"""Suspensions of whole systems and processes."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from saga_coordinator.models import instances, suspensions
from saga_coordinator.store.instances import Instance

SYSTEM, PROCESS = "system", "process"


class Suspension(msgspec.Struct, frozen=True):
    """One row; times in ms. `ended_at` set: somebody has resumed it, and its instances may be on their way still."""

    id: str
    kind: str
    name: str
    by: str | None
    reason: str | None
    at: int
    ended_at: int | None = None
    ended_by: str | None = None
    ended_reason: str | None = None


def add(connection: Connection, row: Suspension) -> None:
    """Begin one. Raises `IntegrityError` where the system or process is suspended already."""
    connection.execute(suspensions.insert().values(msgspec.structs.asdict(row)))


def end(connection: Connection, kind: str, name: str, at: int, by: str, reason: str) -> Suspension | None:
    """End the one that is active, and give it as it is then; None: there is none."""
    c = suspensions.c
    statement = (
        update(suspensions)
        .where(c.kind == kind, c.name == name, c.ended_at.is_(None))
        .values(ended_at=at, ended_by=by, ended_reason=reason)
        .returning(*c)
    )
    row = connection.execute(statement).first()
    return Suspension(*row) if row else None


def active(connection: Connection) -> list[Suspension]:
    """Those that have not ended, oldest first."""
    return [row for row in every(connection) if row.ended_at is None]


def every(connection: Connection) -> list[Suspension]:
    """Also those that have ended and of which instances may be left, oldest first."""
    rows = connection.execute(select(suspensions).order_by(suspensions.c.at, suspensions.c.id))
    return [Suspension(*row) for row in rows]


def remove(connection: Connection, ids: Sequence[str]) -> None:
    """Nothing is left of these."""
    connection.execute(delete(suspensions).where(suspensions.c.id.in_(ids)))


def members(connection: Connection, process: str, after: str, limit: int) -> list[Instance]:
    """Open instances of the process, by id from `after` on, exclusive."""
    c = instances.c
    statement = select(instances).where(c.process == process, c.ended_at.is_(None), c.id > after)
    return [Instance(*row) for row in connection.execute(statement.order_by(c.id).limit(limit))]


def count(connection: Connection, process: str) -> tuple[int, int]:
    """(suspended, other) open instances of the process."""
    c = instances.c
    statement = select(c.status, func.count()).where(c.process == process, c.ended_at.is_(None)).group_by(c.status)
    found = {row[0]: int(row[1]) for row in connection.execute(statement)}
    suspended = found.pop("suspended", 0)
    return suspended, sum(found.values())
