"""Journal rows, and the snapshots that shorten reading them."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, literal, null, select, tuple_, union_all, update

from saga_coordinator.models import journal, snapshots, tombstones
from saga_coordinator.store import blobs
from service_kit import bulk


class Row(msgspec.Struct, frozen=True):
    """One input and its facts (JSON as it is stored), `at` ms. `contents`: the large values they refer to, by digest
    (see `saga_coordinator.blobs`)."""

    instance: str
    seq: int
    at: int
    input_id: str
    input: bytes
    facts: bytes
    contents: Mapping[str, bytes] = {}


class Record(msgspec.Struct):
    """What is stored of one instance: the rows after the snapshot (see `wire.snapshot_of`), if it has one, and the
    `contents` that the snapshot refers to."""

    rows: list[Row]
    snapshot: bytes | None = None
    contents: Mapping[str, bytes] = {}


# A snapshot begins with this many bytes that say which shape of states it has; the rest is JSON.
SHAPE = 8
_COLUMNS = {
    "instance_id": "text",
    "seq": "integer",
    "at": "bigint",
    "input_id": "text",
    "input": "bytea",
    "facts": "bytea",
}
_NAMES = ", ".join(_COLUMNS)
_BURIED = "SELECT 1 FROM tombstones WHERE tombstones.instance_id"
# Whatever a coordinator remembers: a journal that was purged does not begin or go on again.
_append = bulk.Bulk(
    _COLUMNS,
    postgresql=f"INSERT INTO journal ({_NAMES}) SELECT {_NAMES} FROM {{v}}"  # noqa: S608 - names from this module
    f" WHERE NOT EXISTS ({_BURIED} = v.instance_id) ON CONFLICT DO NOTHING",
    sqlite=f"INSERT INTO journal ({_NAMES}) SELECT ?1, ?2, ?3, ?4, ?5, ?6"
    f" WHERE NOT EXISTS ({_BURIED} = ?1) ON CONFLICT DO NOTHING",
)
_snapshot = bulk.Bulk(
    {"instance_id": "text", "seq": "integer", "state": "bytea"},
    postgresql="INSERT INTO snapshots (instance_id, seq, state) SELECT instance_id, seq, state FROM {v}"
    " ON CONFLICT (instance_id) DO UPDATE SET seq = excluded.seq, state = excluded.state"
    " WHERE snapshots.seq < excluded.seq",
    sqlite="INSERT INTO snapshots (instance_id, seq, state) VALUES (?, ?, ?)"
    " ON CONFLICT (instance_id) DO UPDATE SET seq = excluded.seq, state = excluded.state"
    " WHERE snapshots.seq < excluded.seq",
)


def append(connection: Connection, rows: Sequence[Row]) -> int:
    """Insert rows, sorted by instance; the number of those that won their place and their input id. Nothing is added
    to a journal that was purged."""
    return _append.run(connection, [(r.instance, r.seq, r.at, r.input_id, r.input, r.facts) for r in rows])


def losers(connection: Connection, rows: Sequence[Row]) -> set[str]:
    """Of rows that were not stored: the instances whose place or input id is taken, and those that were purged."""
    places = select(journal.c.instance_id).where(
        tuple_(journal.c.instance_id, journal.c.seq).in_([(r.instance, r.seq) for r in rows])
    )
    inputs = select(journal.c.instance_id).where(
        tuple_(journal.c.instance_id, journal.c.input_id).in_([(r.instance, r.input_id) for r in rows])
    )
    purged = select(tombstones.c.instance_id).where(tombstones.c.instance_id.in_([r.instance for r in rows]))
    return set(connection.scalars(union_all(places, inputs, purged)))


def load(connection: Connection, instances: Iterable[str]) -> dict[str, Record]:
    """The records of those instances that exist, in one query."""
    ids = sorted(set(instances))
    rows = (
        select(*_row_columns())
        .outerjoin(snapshots, snapshots.c.instance_id == journal.c.instance_id)
        .where(journal.c.instance_id.in_(ids), journal.c.seq > func.coalesce(snapshots.c.seq, 0))
    )
    states = select(snapshots.c.instance_id, snapshots.c.seq, literal(0), literal(""), snapshots.c.state, null()).where(
        snapshots.c.instance_id.in_(ids)
    )
    return _records(connection, union_all(rows, states).order_by("instance_id", "seq"))


def load_whole(connection: Connection, instance: str) -> Record:
    """All rows of an instance, whatever snapshot it has."""
    statement = select(*_row_columns()).where(journal.c.instance_id == instance).order_by(journal.c.seq)
    return _records(connection, statement).get(instance, Record([]))


def rows_from(connection: Connection, instance: str, seq: int, limit: int) -> list[Row]:
    """Up to `limit` rows of an instance, from `seq` on, without the contents that they refer to."""
    statement = (
        select(*_row_columns())
        .where(journal.c.instance_id == instance, journal.c.seq >= seq)
        .order_by(journal.c.seq)
        .limit(limit)
    )
    return [Row(*row) for row in connection.execute(statement)]


def rows_of_inputs(connection: Connection, inputs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row]:
    """The rows of these (instance, input id) pairs, where they were journalled."""
    pairs = sorted(set(inputs))
    if not pairs:
        return {}
    statement = select(*_row_columns()).where(tuple_(journal.c.instance_id, journal.c.input_id).in_(pairs))
    rows = with_contents(connection, [Row(*row) for row in connection.execute(statement)])
    return {(row.instance, row.input_id): row for row in rows}


def with_contents(connection: Connection, rows: list[Row]) -> list[Row]:
    """The rows with the contents that they refer to."""
    contents = blobs.of(connection, (text for row in rows for text in (row.input, row.facts)))
    return [msgspec.structs.replace(row, contents=contents) for row in rows] if contents else rows


def seqs_of_inputs(connection: Connection, inputs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Where these (instance, input id) pairs were journalled, if they were."""
    pairs = sorted(set(inputs))
    if not pairs:
        return {}
    c = journal.c
    statement = select(c.instance_id, c.input_id, c.seq).where(tuple_(c.instance_id, c.input_id).in_(pairs))
    return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


def last_of(connection: Connection, instances: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The last (seq, at) of these instances."""
    newest = (
        select(journal.c.instance_id, func.max(journal.c.seq).label("seq"))
        .where(journal.c.instance_id.in_(instances))
        .group_by(journal.c.instance_id)
        .subquery()
    )
    statement = select(journal.c.instance_id, journal.c.seq, journal.c.at).join(
        newest, and_(journal.c.instance_id == newest.c.instance_id, journal.c.seq == newest.c.seq)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(statement)}


def save_snapshots(connection: Connection, states: Sequence[tuple[str, int, bytes]]) -> None:
    """Keep (instance, seq, snapshot); an older one never replaces a newer one."""
    _snapshot.run(connection, states)


def rewrite(connection: Connection, rows: Sequence[Row]) -> None:
    """These rows have other inputs and facts now: values were erased."""
    statement = (
        update(journal)
        .where(journal.c.instance_id == bindparam("b_instance"), journal.c.seq == bindparam("b_seq"))
        .values(input=bindparam("b_input"), facts=bindparam("b_facts"))
    )
    values = [{"b_instance": r.instance, "b_seq": r.seq, "b_input": r.input, "b_facts": r.facts} for r in rows]
    if values:
        connection.execute(statement, values)


def delete_rows(connection: Connection, instances: Sequence[str], limit: int) -> int:
    """Delete up to `limit` rows of these instances; how many it were."""
    key = (journal.c.instance_id, journal.c.seq)
    some = select(*key).where(journal.c.instance_id.in_(instances)).order_by(*key).limit(limit)
    return connection.execute(delete(journal).where(tuple_(*key).in_(some))).rowcount


def delete_snapshots(connection: Connection, instances: Sequence[str], up_to: int | None = None) -> None:
    """Delete the snapshots of these instances (None: whatever their seq)."""
    statement = delete(snapshots).where(snapshots.c.instance_id.in_(instances))
    connection.execute(statement if up_to is None else statement.where(snapshots.c.seq <= up_to))


def _row_columns() -> list:  # type: ignore[type-arg]
    c = journal.c
    return [c.instance_id, c.seq, c.at, c.input_id, c.input, c.facts]


def _records(connection: Connection, statement) -> dict[str, Record]:  # type: ignore[no-untyped-def]
    found: dict[str, Record] = {}
    for instance, seq, at, input_id, input_, facts in connection.execute(statement):
        record = found.setdefault(instance, Record([]))
        if facts is None:
            record.snapshot = input_
        else:
            record.rows.append(Row(instance, seq, at, input_id, input_, facts))
    for record in found.values():
        record.rows = with_contents(connection, record.rows)
        if record.snapshot is not None:
            record.contents = blobs.of(connection, [record.snapshot[SHAPE:]])
    return found
