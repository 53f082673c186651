"""Housekeeping that one coordinator does at a time."""

from sqlalchemy import Connection, delete

from saga_coordinator.models import duties

_TAKE = (
    "INSERT INTO duties (name, holder, until) VALUES ({0}, {0}, {0}) ON CONFLICT (name) DO UPDATE"
    " SET holder = excluded.holder, until = excluded.until WHERE duties.holder = excluded.holder OR duties.until <= {0}"
)


def take(connection: Connection, name: str, holder: str, now: int, until: int) -> bool:
    """Whether `holder` has the duty until `until` (ms): it had it already, nobody had, or their time was over."""
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    return connection.exec_driver_sql(_TAKE.format(mark), (name, holder, until, now)).rowcount == 1


def leave(connection: Connection, name: str, holder: str) -> None:
    """Somebody else may have it at once."""
    connection.execute(delete(duties).where(duties.c.name == name, duties.c.holder == holder))
