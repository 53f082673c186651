"""Inputs that were answered with a no, and inputs under suspicion of killing their consumer."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select

from saga_coordinator.models import refusals, suspects
from service_kit import bulk


class Refusal(msgspec.Struct, frozen=True):
    """Why an input was refused; `existing_instance` is the one that stands in its way. `at` in ms."""

    input_id: str
    instance: str
    code: str
    message: str
    existing_instance: str | None = None
    at: int = 0


_insert = bulk.insert(
    "refusals",
    {
        "input_id": "text",
        "instance_id": "text",
        "code": "text",
        "message": "text",
        "existing_instance": "text",
        "at": "bigint",
    },
)
_SUSPECT = (
    "INSERT INTO suspects (input_id, attempts, at) VALUES ({0}, 1, {0})"
    " ON CONFLICT (input_id) DO UPDATE SET attempts = suspects.attempts + 1, at = excluded.at RETURNING attempts"
)


def insert(connection: Connection, rows: Sequence[Refusal]) -> None:
    """Keep refusals; the first answer to an input stands."""
    _insert.run(connection, sorted(msgspec.structs.astuple(row) for row in rows))


def find(connection: Connection, input_ids: Sequence[str]) -> dict[str, Refusal]:
    """The refusals of those of these inputs that were refused."""
    rows = connection.execute(select(refusals).where(refusals.c.input_id.in_(input_ids)))
    return {row[0]: Refusal(*row) for row in rows}


def suspect(connection: Connection, input_id: str, now: int) -> int:
    """Count that this input is tried alone now; how often it has been."""
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    return int(connection.exec_driver_sql(_SUSPECT.format(mark), (input_id, now)).scalar_one())


def clear(connection: Connection, input_ids: Sequence[str]) -> None:
    """These inputs killed nobody."""
    connection.execute(delete(suspects).where(suspects.c.input_id.in_(input_ids)))


def purge(connection: Connection, before: int, limit: int) -> int:
    """Forget up to `limit` of each that are older than `before` (ms); how many refusals it were."""
    old = select(refusals.c.input_id).where(refusals.c.at < before).order_by(refusals.c.at).limit(limit)
    connection.execute(delete(suspects).where(suspects.c.at < before))
    return connection.execute(delete(refusals).where(refusals.c.input_id.in_(old))).rowcount
