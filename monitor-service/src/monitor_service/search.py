"""Reading the index. Every function works in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select, tuple_

from monitor_service.errors import BadCursor, InstanceNotFound
from monitor_service.models import documents, entries, gaps, incidents, instances


class Conditions(msgspec.Struct, frozen=True):
    """What is looked for; all that is given must hold. Times in ms: `start` inclusive, `end` exclusive. `root`: that
    instance, and everything below it."""

    business_key: str | None = None
    document: str | None = None
    status: Sequence[str] = ()
    process: str | None = None
    start: int | None = None
    end: int | None = None
    error: str | None = None
    root: str | None = None


class Found(msgspec.Struct, frozen=True):
    """An instance row with its documents (system, name, number)."""

    id: str
    process: str
    version: int
    business_key: str | None
    status: str
    started_at: int
    ended_at: int | None
    error: str | None
    incidents: int
    seq: int
    parent: str | None
    root: str | None
    documents: list[tuple[str, str, str]]


class OpenIncident(msgspec.Struct, frozen=True):
    """A step that waits for a person, or did."""

    instance: str
    step: int
    seq: int
    element: str
    system: str
    operation: str
    code: str
    message: str
    raised_at: int
    resolved_at: int | None
    resolved_by: str | None


def search(
    connection: Connection, conditions: Conditions, limit: int, cursor: str | None = None
) -> tuple[list[Found], str | None]:
    """Newest first, and the cursor of the next page. Raises `BadCursor`."""
    c = instances.c
    statement = _matching(conditions).order_by(c.started_at.desc(), c.id.desc()).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(tuple_(c.started_at, c.id) < tuple_(*_position(cursor)))
    rows = connection.execute(statement).all()
    found = _with_documents(connection, rows[:limit])
    more = len(rows) > limit
    return found, f"{found[-1].started_at}.{found[-1].id}" if more else None


def read(connection: Connection, instance: str) -> Found:
    """One instance. Raises `InstanceNotFound`."""
    rows = connection.execute(_instance().where(instances.c.id == instance)).all()
    if not rows:
        raise InstanceNotFound
    return _with_documents(connection, rows)[0]


def read_entries(connection: Connection, instance: str, up_to: int) -> list[tuple[int, int, bytes]]:
    """(seq, at, facts) of an instance, in order."""
    c = entries.c
    statement = select(c.seq, c.at, c.facts).where(c.instance_id == instance, c.seq <= up_to).order_by(c.seq)
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def list_incidents(
    connection: Connection, instance: str | None, *, resolved: bool, limit: int, cursor: str | None
) -> tuple[list[OpenIncident], str | None]:
    """Newest first, open ones only unless `resolved`. Raises `BadCursor`."""
    c = incidents.c
    order = (c.raised_at, c.instance_id, c.step, c.seq)
    statement = select(incidents).order_by(*(column.desc() for column in order)).limit(limit + 1)
    if instance is not None:
        statement = statement.where(c.instance_id == instance)
    if not resolved:
        statement = statement.where(c.resolved_at.is_(None))
    if cursor is not None:
        at, rest = _parts(cursor, 1)
        id_, step, seq = _parts_from_the_end(rest, 2)
        statement = statement.where(tuple_(*order) < tuple_(_number(at), id_, _number(step), _number(seq)))
    rows = [OpenIncident(*row) for row in connection.execute(statement)]
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], f"{last.raised_at}.{last.instance}.{last.step}.{last.seq}" if last else None


def totals(connection: Connection) -> dict[str, int]:
    """How many instances there are by status."""
    statement = select(instances.c.status, func.count()).group_by(instances.c.status)
    return {row[0]: row[1] for row in connection.execute(statement)}


def count_gaps(connection: Connection) -> int:
    """Of how many instances something is missing."""
    return connection.scalar(select(func.count()).select_from(gaps)) or 0


def _instance() -> Select[Any]:
    c = instances.c
    return select(
        c.id,
        c.process,
        c.version,
        c.business_key,
        c.status,
        c.started_at,
        c.ended_at,
        c.error,
        c.incidents,
        c.seq,
        c.parent,
        c.root,
    )


def _matching(conditions: Conditions) -> Select[Any]:
    c = instances.c
    statement = _instance()
    if conditions.business_key is not None:
        statement = statement.where(c.business_key == conditions.business_key)
    if conditions.document is not None:
        having = select(documents.c.instance_id).where(documents.c.number == conditions.document)
        statement = statement.where(c.id.in_(having))
    if conditions.status:
        statement = statement.where(c.status.in_(conditions.status))
    if conditions.process is not None:
        statement = statement.where(c.process == conditions.process)
    if conditions.start is not None:
        statement = statement.where(c.started_at >= conditions.start)
    if conditions.end is not None:
        statement = statement.where(c.started_at < conditions.end)
    if conditions.root is not None:
        below = c.parent.is_not(None) & (c.root == conditions.root)
        statement = statement.where((c.id == conditions.root) | below)
    if conditions.error is not None:
        statement = statement.where(c.error.icontains(conditions.error, autoescape=True))
    return statement


def _with_documents(connection: Connection, rows: Sequence[Any]) -> list[Found]:
    made: dict[str, list[tuple[str, str, str]]] = {row.id: [] for row in rows}
    c = documents.c
    statement = select(c.instance_id, c.system, c.name, c.number).where(c.instance_id.in_(list(made)))
    for instance, system, name, number in connection.execute(statement.order_by(c.system, c.name, c.number)):
        made[instance].append((system, name, number))
    return [Found(**row._mapping, documents=made[row.id]) for row in rows]


def _position(cursor: str) -> tuple[int, str]:
    at, id_ = _parts(cursor, 1)
    return _number(at), id_


def _parts(cursor: str, dots: int) -> list[str]:
    """Ids of called instances have dots themselves."""
    parts = cursor.split(".", dots)
    if len(parts) != dots + 1:
        raise BadCursor
    return parts


def _parts_from_the_end(rest: str, dots: int) -> list[str]:
    parts = rest.rsplit(".", dots)
    if len(parts) != dots + 1:
        raise BadCursor
    return parts


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise BadCursor
    return int(text)
