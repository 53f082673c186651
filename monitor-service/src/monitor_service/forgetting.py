"""Rows of instances that were purged or erased: how they go, and how they stay away.

Whoever takes entries holds a share of one lock, whoever forgets holds it alone: so no entry of a forgotten instance is
written beside its forgetting. SQLite has one writer.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from monitor_service.entries import Entry, Forgotten
from monitor_service.models import documents, entries, forgotten, gaps, incidents, instances
from monitor_service.store import add_gaps
from service_kit import bulk

_LOCK = 0x746C6D66  # any number that nobody else locks
_forgotten = bulk.insert(
    "forgotten",
    {"instance_id": "text", "up_to": "integer", "at": "bigint"},
    "(instance_id) DO UPDATE SET up_to = excluded.up_to, at = excluded.at WHERE forgotten.up_to < excluded.up_to",
)


def heard(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """Up to which entry these instances are forgotten, of those that are."""
    c = forgotten.c
    statement = select(c.instance_id, c.up_to).where(c.instance_id.in_(sorted(ids)))
    return {row[0]: row[1] for row in connection.execute(statement)}


def kept(connection: Connection, rows: Sequence[Entry], known: Mapping[str, int]) -> list[Entry]:
    """The entries without those that are to be forgotten; all of an instance that was forgotten just as far (`known`)
    when the coordinator was asked for them. Nobody forgets any more until the transaction ends."""
    _lock(connection, shared=True)
    up_to = heard(connection, {row.instance for row in rows})
    gone = {instance: seq for instance, seq in up_to.items() if known.get(instance) != seq}
    return [row for row in rows if row.seq > gone.get(row.instance, 0)] if gone else list(rows)


def forget(connection: Connection, told: Iterable[Forgotten], at: int) -> list[str]:
    """Delete everything of these instances, unless it was done before; which it was done for. What was erased and not
    purged is missing then, to be fetched again. `at` in ms."""
    _lock(connection, shared=False)
    new = _unheard(connection, told)
    ids = [each.instance for each in new]
    if not ids:
        return []
    for table in (entries, documents, incidents, gaps):
        connection.execute(delete(table).where(table.c.instance_id.in_(ids)))
    connection.execute(delete(instances).where(instances.c.id.in_(ids)))
    _forgotten.run(connection, [(each.instance, each.up_to, at) for each in new])
    add_gaps(connection, {each.instance: each.up_to for each in new if not each.purged})
    return ids


def purge(connection: Connection, before: int) -> None:
    """Entries that were forgotten so long ago (ms) do not come any more."""
    connection.execute(delete(forgotten).where(forgotten.c.at < before))


def _unheard(connection: Connection, told: Iterable[Forgotten]) -> list[Forgotten]:
    """The farthest of each instance, where it goes farther than what is known; by instance."""
    farthest: dict[str, Forgotten] = {}
    for each in sorted(told, key=lambda each: (each.instance, each.up_to)):
        farthest[each.instance] = each
    done = heard(connection, farthest)
    return [each for each in farthest.values() if each.up_to > done.get(each.instance, 0)]


def _lock(connection: Connection, *, shared: bool) -> None:
    if connection.dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        connection.exec_driver_sql(f"SELECT {function}({_LOCK})")
