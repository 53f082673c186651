"""The index's rows: what the worker writes and reads back. Every function works in the caller's transaction."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, select

from monitor_service import models
from monitor_service.entries import Entry, facts_of
from monitor_service.errors import Overtaken
from monitor_service.models import comparisons, entries, gaps, instances
from monitor_service.summary import Summary, clean
from service_kit import bulk

_entries = bulk.insert("entries", {"instance_id": "text", "seq": "bigint", "at": "bigint", "facts": "bytea"})
_instances = bulk.insert(
    "instances",
    {
        "id": "text",
        "process": "text",
        "version": "bigint",
        "business_key": "text",
        "status": "text",
        "started_at": "bigint",
        "ended_at": "bigint",
        "error": "text",
        "incidents": "bigint",
        "seq": "bigint",
        "previous_seq": "bigint",
        "parent": "text",
        "root": "text",
    },
    "(id) DO UPDATE SET process = excluded.process, version = excluded.version, business_key = excluded.business_key,"
    " status = excluded.status, started_at = excluded.started_at, ended_at = excluded.ended_at, error = excluded.error,"
    " incidents = excluded.incidents, seq = excluded.seq, previous_seq = excluded.previous_seq,"
    " parent = excluded.parent, root = excluded.root"
    " WHERE instances.seq = excluded.previous_seq",
)
_documents = bulk.insert(
    "documents", {"instance_id": "text", "system": "text", "name": "text", "number": "text", "operation": "text"}
)
_incidents = bulk.insert(
    "incidents",
    {
        "instance_id": "text",
        "step": "bigint",
        "seq": "bigint",
        "element": "text",
        "system": "text",
        "operation": "text",
        "code": "text",
        "message": "text",
        "raised_at": "bigint",
        "resolved_at": "bigint",
        "resolved_by": "text",
    },
    "(instance_id, step, seq) DO UPDATE SET resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by",
)
_gaps = bulk.insert(
    "gaps",
    {"instance_id": "text", "wanted": "bigint"},
    "(instance_id) DO UPDATE SET wanted = excluded.wanted WHERE gaps.wanted < excluded.wanted",
)
_comparison = bulk.insert("comparisons", {"name": "text", "at": "bigint"}, "(name) DO UPDATE SET at = excluded.at")


def add_entries(connection: Connection, rows: Iterable[Entry]) -> None:
    """Keep journal rows; those that are there stay."""
    _entries.run(connection, [(row.instance, row.seq, row.at, bytes(row.facts)) for row in rows])


def save(connection: Connection, summaries: Sequence[Summary]) -> None:
    """Write what has changed. Raises `Overtaken` where another monitor has written one of these since it was read."""
    changed = sorted((summary for summary in summaries if summary.seq > summary.written), key=lambda s: s.id)
    if _instances.run(connection, [_row(summary) for summary in changed]) != len(changed):
        raise Overtaken
    # An instance that nobody has overtaken is this transaction's alone now: what hangs on it cannot clash.
    _documents.run(
        connection,
        [(s.id, doc.system, doc.name, doc.number, doc.operation) for s in changed for doc in s.fresh_documents],
    )
    _incidents.run(
        connection, [(s.id, *msgspec.structs.astuple(incident)) for s in changed for incident in s.fresh_incidents]
    )


def _row(s: Summary) -> tuple[object, ...]:
    return (
        s.id,
        s.process,
        s.version,
        s.business_key,
        s.status,
        s.started_at,
        s.ended_at,
        s.error,
        len(s.open_incidents),
        s.seq,
        s.written,
        s.parent,
        s.root,
    )


def load(connection: Connection, ids: Sequence[str]) -> dict[str, Summary]:
    """The summaries of these instances, folded from the entries that are here in one piece; an empty one for each of
    which there are none."""
    found = {id_: Summary(id_) for id_ in ids}
    known = select(instances.c.id, instances.c.seq).where(instances.c.id.in_(ids))
    written = {row[0]: row[1] for row in connection.execute(known)}
    for instance, seq, at, facts in connection.execute(_entries_of(ids)):
        summary = found[instance]
        if seq == summary.seq + 1:
            summary.apply(seq, at, facts_of(facts))
            if seq == written.get(instance):
                summary.wrote()
        else:
            summary.ahead = True
    return found


def catch_up(connection: Connection, summaries: Iterable[Summary]) -> None:
    """Fold the entries that had come too early and follow now. One that is still ahead stays so."""
    waiting = {summary.id: summary for summary in summaries}
    for summary in waiting.values():
        summary.ahead = False
    for instance, seq, at, facts in connection.execute(_entries_of(list(waiting))):
        summary = waiting[instance]
        if seq == summary.seq + 1:
            summary.apply(seq, at, facts_of(facts))
        elif seq > summary.seq:
            summary.ahead = True


def _entries_of(ids: Sequence[str]):  # type: ignore[no-untyped-def]
    c = entries.c
    columns = (c.instance_id, c.seq, c.at, c.facts)
    return select(*columns).where(c.instance_id.in_(ids)).order_by(c.instance_id, c.seq)


# -- what is missing


def add_gaps(connection: Connection, wanted: dict[str, int]) -> None:
    """Entries up to these seqs exist and are not all folded."""
    _gaps.run(connection, sorted(wanted.items()))


def list_gaps(connection: Connection, limit: int) -> dict[str, tuple[int, int]]:
    """Of instances with gaps: (the seq that is wanted, the seq up to which everything is here)."""
    statement = (
        select(gaps.c.instance_id, gaps.c.wanted, instances.c.seq)
        .outerjoin(instances, instances.c.id == gaps.c.instance_id)
        .order_by(gaps.c.instance_id)
        .limit(limit)
    )
    return {row[0]: (row[1], row[2] or 0) for row in connection.execute(statement)}


def close_gaps(connection: Connection, closed: dict[str, int]) -> None:
    """These instances are complete up to these seqs."""
    for instance, seq in closed.items():
        connection.execute(delete(gaps).where(gaps.c.instance_id == instance, gaps.c.wanted <= seq))


def seqs_of(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Up to which seq these instances are here."""
    statement = select(instances.c.id, instances.c.seq).where(instances.c.id.in_(ids))
    return {row[0]: row[1] for row in connection.execute(statement)}


def compared_at(connection: Connection) -> int | None:
    """When the last complete comparison with the coordinator began, in ms."""
    return connection.scalar(select(comparisons.c.at).where(comparisons.c.name == "digests"))


def set_compared_at(connection: Connection, at: int) -> None:
    """Remember it."""
    _comparison.run(connection, [("digests", at)])


# -- diagrams

_diagram = bulk.insert("diagrams", {"process": "text", "version": "bigint", "elements": "bytea"})


def find_diagram(connection: Connection, process: str, version: int) -> bytes | None:
    """Names and kinds of a process version's elements (JSON), if they have been read."""
    c = models.diagrams.c
    return connection.scalar(select(c.elements).where(c.process == process, c.version == version))


def add_diagram(connection: Connection, process: str, version: int, elements: bytes) -> None:
    """Keep them."""
    _diagram.run(connection, [(clean(process), version, elements)])
