"""Messages to the WMS: rows that are written once, answered in place, and withdrawn when nobody took them in time."""

import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from connector_wms.adapters.staging_schema import DOCUMENT_OUT
from service_kit.connector.outcomes import NotApplied, Uncertain

FIRST_LOOK = 0.03
LAST_LOOK = 0.5


class Status(StrEnum):
    """What a row's STATUS says."""

    NEW = "N"
    PROCESSED = "P"
    ERROR = "E"
    WITHDRAWN = "W"


class Answer(msgspec.Struct, frozen=True):
    """One message as it stands in its table; all its rows say the same."""

    message: str
    status: Status
    document: str | None = None
    code: str | None = None
    text: str | None = None


class Document(msgspec.Struct, frozen=True):
    """A document as the WMS keeps it now."""

    kind: str
    number: str
    hub_key: str
    state: str


class Gone(Uncertain):
    """There is no such message (any more)."""


class Taken(Exception):
    """Another writer has used this message id."""


class Messages:
    """The staging tables of one WMS. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def post(self, table: Table, message: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write a message's rows in one transaction.

        Raises `Taken` if the id is used, `NotApplied` if nothing was written, `Uncertain` if that is not known.
        """
        rows = [{"msg_id": message, "status": Status.NEW.value, "created_at": _now(), **line} for line in lines]
        with self._connection() as connection:
            try:
                connection.execute(insert(table), rows)
            except IntegrityError as error:
                raise Taken(message) from error
            except DBAPIError as error:
                raise NotApplied(f"the WMS's database took no row: {_reason(error)}") from error
            _commit(connection)

    def answer(self, table: Table, message: str, deadline: float) -> Answer:
        """Wait until the WMS has answered or `deadline` (of the monotonic clock); then withdraw the message.

        Withdrawn means that the WMS will never process it. Raises `Uncertain` if the answer cannot be read.
        """
        found = self.found(table, message, deadline)
        return self.withdraw(table, message) if found.status is Status.NEW else found

    def found(self, table: Table, message: str, deadline: float = 0.0) -> Answer:
        """Wait for the answer until `deadline`, and tell how the message stands. Raises `Uncertain` if that cannot be
        read."""
        pause = FIRST_LOOK
        try:
            while True:
                found = self._one(table, message)
                left = deadline - time.monotonic()
                if found.status is not Status.NEW or left <= 0:
                    return found
                time.sleep(min(pause, left))
                pause = min(pause * 1.5, LAST_LOOK)
        except NotApplied as error:
            raise Uncertain(f"message {message} is written, but its answer cannot be read: {error}") from error

    def sent(self, table: Table, hub_key: str) -> list[Answer]:
        """Every message that carries this hub key, oldest first. Raises `NotApplied` if that cannot be read."""
        return self._answers(table, table.c.hub_key == hub_key)

    def documents(self, kind: str, hub_key: str) -> list[Document]:
        """The documents with this hub key, undone ones too."""
        return self._documents(DOCUMENT_OUT.c.doc_type == kind, DOCUMENT_OUT.c.hub_key == hub_key)

    def document(self, kind: str, number: str) -> Document | None:
        """One document by its number."""
        found = self._documents(DOCUMENT_OUT.c.doc_type == kind, DOCUMENT_OUT.c.doc_no == number)
        return found[0] if found else None

    def _documents(self, *conditions: Any) -> list[Document]:
        columns = DOCUMENT_OUT.c
        query = select(columns.doc_type, columns.doc_no, columns.hub_key, columns.state).where(*conditions)
        return [Document(*row) for row in self._read(query)]

    def _answers(self, table: Table, condition: Any) -> list[Answer]:
        columns = table.c
        query = (
            select(columns.msg_id, columns.status, columns.doc_no, columns.err_code, columns.err_text)
            .where(condition)
            .order_by(columns.seq)
        )
        found = {row.msg_id: Answer(row[0], Status(row[1]), *row[2:]) for row in self._read(query)}
        return list(found.values())

    def _one(self, table: Table, message: str) -> Answer:
        answers = self._answers(table, table.c.msg_id == message)
        if not answers:
            raise Gone(f"message {message} is gone from {table.name}")
        return answers[0]

    def withdraw(self, table: Table, message: str) -> Answer:
        """Take a message back unless the WMS has answered it; how it stands then. Raises `Uncertain` if that is not
        known, `NotApplied` if the WMS cannot be reached."""
        columns = table.c
        statement = update(table).where(columns.msg_id == message, columns.status == Status.NEW.value)
        with self._connection() as connection:
            try:
                withdrawn = connection.execute(statement.values(status=Status.WITHDRAWN.value)).rowcount
            except DBAPIError as error:
                raise Uncertain(f"message {message} could not be withdrawn: {_reason(error)}") from error
            _commit(connection)
        return Answer(message, Status.WITHDRAWN) if withdrawn else self._one(table, message)

    def _read(self, query: Any) -> Sequence[Any]:
        with self._connection() as connection:
            try:
                return connection.execute(query).all()
            except DBAPIError as error:
                raise NotApplied(f"the WMS's database cannot be read: {_reason(error)}") from error

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self._engine.connect()
        except DBAPIError as error:
            raise NotApplied(f"the WMS's database cannot be reached: {_reason(error)}") from error
        with connection:
            yield connection


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        raise Uncertain(f"the WMS's database did not confirm: {_reason(error)}") from error


def _reason(error: DBAPIError) -> str:
    """The driver's own words, without the statement and its parameters."""
    return f"{type(error.orig).__name__}: {error.orig}"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
