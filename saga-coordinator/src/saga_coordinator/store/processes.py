"""Deployed process versions."""

import msgspec
from sqlalchemy import Connection, func, insert, select

from saga_coordinator.models import processes


class Deployment(msgspec.Struct, frozen=True):
    """One version of a process; `digest` is of its file. `deployed_at` in ms; `decisions` are the versions, by id, of
    those that it asks."""

    id: str
    version: int
    digest: str
    name: str
    xml: bytes
    deployed_at: int
    deployed_by: str | None = None
    decisions: dict[str, int] = {}


def add(connection: Connection, row: Deployment) -> None:
    """A new version. Raises sqlalchemy's `IntegrityError` if another deployment took the number."""
    connection.execute(insert(processes).values(msgspec.structs.asdict(row)))


def latest(connection: Connection, process: str) -> Deployment | None:
    """The newest version."""
    statement = select(processes).where(processes.c.id == process).order_by(processes.c.version.desc()).limit(1)
    row = connection.execute(statement).first()
    return Deployment(*row) if row else None


def get(connection: Connection, process: str, version: int) -> Deployment | None:
    """One version."""
    row = connection.execute(select(processes).where(processes.c.id == process, processes.c.version == version)).first()
    return Deployment(*row) if row else None


def latest_versions(connection: Connection) -> dict[str, int]:
    """The newest version number of every process."""
    rows = connection.execute(select(processes.c.id, func.max(processes.c.version)).group_by(processes.c.id))
    return {row[0]: row[1] for row in rows}


def all_versions(connection: Connection) -> list[Deployment]:
    """Every version of every process, newest first within a process."""
    statement = select(processes).order_by(processes.c.id, processes.c.version.desc())
    return [Deployment(*row) for row in connection.execute(statement)]
