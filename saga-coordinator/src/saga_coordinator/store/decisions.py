"""Deployed decision versions."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Subquery, func, insert, select

from saga_coordinator.models import decisions


class DecisionVersion(msgspec.Struct, frozen=True):
    """One version of a decision; `digest` is of its file (`xml`), which may hold others. `deployed_at` in ms."""

    id: str
    version: int
    digest: str
    name: str
    xml: bytes
    deployed_at: int
    deployed_by: str | None = None


def add(connection: Connection, rows: Sequence[DecisionVersion]) -> None:
    """New versions. Raises sqlalchemy's `IntegrityError` if another deployment took one of the numbers."""
    connection.execute(insert(decisions), [msgspec.structs.asdict(row) for row in rows])


def latest(connection: Connection, ids: Sequence[str]) -> dict[str, DecisionVersion]:
    """The newest versions of those of these decisions that are deployed."""
    newest = _newest()
    statement = (
        select(decisions)
        .join(newest, (decisions.c.id == newest.c.id) & (decisions.c.version == newest.c.version))
        .where(decisions.c.id.in_(ids))
    )
    return {row[0]: DecisionVersion(*row) for row in connection.execute(statement)}


def get(connection: Connection, decision: str, version: int) -> DecisionVersion | None:
    """One version."""
    where = (decisions.c.id == decision) & (decisions.c.version == version)
    row = connection.execute(select(decisions).where(where)).first()
    return DecisionVersion(*row) if row else None


def latest_versions(connection: Connection) -> dict[str, int]:
    """The newest version number of every decision."""
    newest = _newest()
    return {row[0]: row[1] for row in connection.execute(select(newest.c.id, newest.c.version))}


def all_versions(connection: Connection) -> list[DecisionVersion]:
    """Every version of every decision, newest first within a decision."""
    statement = select(decisions).order_by(decisions.c.id, decisions.c.version.desc())
    return [DecisionVersion(*row) for row in connection.execute(statement)]


def _newest() -> Subquery:
    newest = select(decisions.c.id, func.max(decisions.c.version).label("version")).group_by(decisions.c.id)
    return newest.subquery()
