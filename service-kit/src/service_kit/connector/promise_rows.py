"""The rows of `connector_promises`: commands that were acknowledged and are not answered for good.

waiting   in its system's line; it has no row in the inbox, so it was certainly not sent
started   taken out of the line; answered by whoever started it, or by a successor
accepted  the system took it and will tell later
resulted  that result is recorded
told      the hub has the result; kept so that the result can be told twice
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, text

from service_kit.connector.models import promises
from service_kit.connector.safe import Safe
from service_kit.messages import Command

_encode = msgspec.json.Encoder().encode
_columns = promises.c


class State(StrEnum):
    """What is still owed for it."""

    WAITING = "waiting"
    STARTED = "started"
    ACCEPTED = "accepted"
    RESULTED = "resulted"
    TOLD = "told"


class Asked(msgspec.Struct, frozen=True):
    """A command as it came."""

    command: Command
    traceparent: str | None = None


def waiting(connector: str, safe: Safe, asked: Asked, *, now: int, place: int) -> dict[str, Any]:
    """The row of a command that has to wait; times in ms."""
    return _row(connector, asked, safe.sealed_command(asked.command), now) | {"state": State.WAITING, "place": place}


def accepted(
    connector: str, safe: Safe, asked: Asked, reference: str | None, poll_at: int | None, now: int
) -> dict[str, Any]:
    """The row of a command that the system accepted: who is to be told the result, and no longer what was asked."""
    address = safe.sealed_command(msgspec.structs.replace(asked.command, input=None))
    more = {"state": State.ACCEPTED, "answered": True, "reference": reference, "poll_at": poll_at}
    return _row(connector, asked, address, now) | more


def _row(connector: str, asked: Asked, kept: Command, now: int) -> dict[str, Any]:
    return {
        "command": kept.id,
        "connector": connector,
        "system": kept.system,
        "hub_key": kept.hub_key,
        "request": _encode(kept).decode(),
        "traceparent": asked.traceparent,
        "verify": kept.verify,
        "kept_at": now,
        "place": 0,
        "promised": None,
        "reason": None,
        "answered": False,
        "reference": None,
        "poll_at": None,
    }


def insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows; what is there already stays as it is."""
    connection.execute(_INSERT, list(rows))


def accept(connection: Connection, row: Mapping[str, Any]) -> None:
    """Expect a result. One that was kept before stays unanswered until its reply is out."""
    connection.execute(_ACCEPT, row)


def withdraw(connection: Connection, commands: Sequence[str]) -> list[str]:
    """Take commands out of their lines for good. Returns those that were certainly not sent; of one that was to be
    verified nobody knows."""
    gone = delete(promises).where(_columns.command.in_(commands), _columns.state == State.WAITING)
    withdrawn = connection.execute(gone.returning(_columns.command, _columns.verify)).all()
    return [row.command for row in withdrawn if not row.verify]


_NAMES = [column.name for column in promises.columns]
_VALUES = f"({', '.join(_NAMES)}) VALUES ({', '.join(f':{name}' for name in _NAMES)})"
_TYPED = [bindparam(name, type_=promises.c[name].type) for name in ("verify", "answered")]
# S608: the parts that are put together are constants.
_INSERT = text(f"INSERT INTO connector_promises {_VALUES} ON CONFLICT (command) DO NOTHING").bindparams(*_TYPED)
_ACCEPT = text(
    f"INSERT INTO connector_promises {_VALUES} ON CONFLICT (command) DO UPDATE SET state = excluded.state,"
    " request = excluded.request, reference = excluded.reference, poll_at = excluded.poll_at"
).bindparams(*_TYPED)
