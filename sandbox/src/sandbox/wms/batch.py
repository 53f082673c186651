"""The WMS's batch job: takes new messages from the staging tables, books them, writes the result into their rows."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection, Row, Table, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from sandbox.clock import iso, now_ms
from sandbox.database import Database
from sandbox.faults import Call, Fault, FaultBook, Kind
from sandbox.wms import books
from sandbox.wms.books import Refused
from sandbox.wms.tables import cancel_in, delivery_in, reservation_in

MESSAGES_PER_TRANSACTION = 20
ROWS_PER_SWEEP = 1000
# Most looks find nothing: they cost one query.
_ANY_NEW = select(or_(*(exists().where(table.c.status == "N") for table in (reservation_in, delivery_in, cancel_in))))
_DEFAULTS = {
    Kind.LOCK_RECORD: ("LOCKED", "the record is locked by user MUELLER"),
    Kind.CLOSE_PERIOD: ("PERIOD_CLOSED", "the stock period is closed"),
    Kind.REFUSE: ("REFUSED", "the message was refused"),
}


@dataclass(frozen=True)
class Message:
    """All rows of one `MSG_ID`."""

    table: Table
    rows: tuple[Row[Any], ...]

    @property
    def key(self) -> tuple[str, str]:
        """Table and message id."""
        return self.table.name, self.rows[0].msg_id

    @property
    def is_complete(self) -> bool:
        """Whether all lines have arrived."""
        return self.table is cancel_in or len(self.rows) >= self.rows[0].line_count

    @property
    def operation(self) -> str:
        """What a fault calls it."""
        if self.table is cancel_in:
            return f"wms.cancel-{str(self.rows[0].doc_type).lower()}"
        return "wms.reserve" if self.table is reservation_in else "wms.deliver"


@dataclass
class Verdict:
    """What the faults decided about a message when it was first seen."""

    due: float = 0.0
    refusal: tuple[str, str] | None = None
    held_by: list[str] = field(default_factory=list)


class BatchJob:
    """Polls the staging tables in a thread of its own."""

    def __init__(self, database: Database, faults: FaultBook, poll_ms: int) -> None:
        self._database, self._faults, self._poll_seconds = database, faults, max(poll_ms, 1) / 1000
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="wms-batch", daemon=True)

    def start(self) -> None:
        """Starts polling."""
        self._thread.start()

    def stop(self) -> None:
        """Finishes the running sweep and stops."""
        self._stopping.set()
        self._thread.join()

    def sweep(self) -> int:
        """Processes every message that is complete and due, and counts them."""
        if self._faults.is_down("wms"):
            return 0
        due = [message for message in self._new_messages() if self._is_due(message)]
        for start in range(0, len(due), MESSAGES_PER_TRANSACTION):
            self._process_together(due[start : start + MESSAGES_PER_TRANSACTION])
        return len(due)

    def _run(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                self.sweep()
            except SQLAlchemyError as error:
                print(f"wms batch: {error}; trying again", file=sys.stderr)

    def _new_messages(self) -> list[Message]:
        with self._database.reading() as connection:
            if not connection.scalar(_ANY_NEW):
                return []
            found = []
            for table in (reservation_in, delivery_in, cancel_in):
                query = select(table).where(table.c.status == "N").order_by(table.c.seq).limit(ROWS_PER_SWEEP)
                found += [message for message in _grouped(table, connection.execute(query)) if message.is_complete]
        return found

    def _is_due(self, message: Message) -> bool:
        verdict = self._verdicts.get(message.key)
        if verdict is None:
            verdict = self._verdicts[message.key] = self._judge(message)
        verdict.held_by = [fault for fault in verdict.held_by if self._faults.holds(fault)]
        return not verdict.held_by and verdict.due <= time.monotonic()

    def _judge(self, message: Message) -> Verdict:
        verdict = Verdict()
        if not self._faults.is_armed("wms"):
            return verdict
        for fault in self._faults.firing(Call("wms", message.operation, self._text(message))):
            if fault.kind is Kind.DELAY:
                verdict.due = max(verdict.due, time.monotonic() + fault.delay_ms / 1000)
            elif fault.kind is Kind.STUCK:
                verdict.held_by.append(fault.id)
            else:
                verdict.refusal = _refusal(fault)
        return verdict

    def _text(self, message: Message) -> str:
        """The rows, and for a cancellation the document that it is about."""
        told: list[Any] = [dict(row._mapping) for row in message.rows]
        if message.table is cancel_in and message.rows[0].doc_type in books.TABLES:
            table, row = books.TABLES[message.rows[0].doc_type], message.rows[0]
            wanted = table.c.doc_no == row.target_no if row.target_no else table.c.hub_key == row.hub_key
            with self._database.reading() as connection:
                told += [dict(found._mapping) for found in connection.execute(select(table).where(wanted))]
        return json.dumps(told, default=str, ensure_ascii=False)

    def _process_together(self, messages: list[Message]) -> None:
        try:
            with self._database.writing() as connection:
                for message in messages:
                    self._process(connection, message)
        except (TypeError, ValueError, SQLAlchemyError):
            if len(messages) == 1:
                self._give_up(messages[0])
            else:  # find out which one it was
                for message in messages:
                    self._process_together([message])
            return
        for message in messages:
            self._verdicts.pop(message.key, None)

    def _process(self, connection: Connection, message: Message) -> None:
        table, msg_id = message.table, message.rows[0].msg_id
        query = (
            select(table)
            .where(table.c.msg_id == msg_id)
            .order_by(table.c.line_no if "line_no" in table.c else table.c.seq)
        )
        rows = list(connection.execute(query.with_for_update()))
        if any(row.status != "N" for row in rows):
            return  # withdrawn by its writer meanwhile
        try:
            if refusal := self._verdicts[message.key].refusal:
                raise Refused(*refusal)
            _finish(connection, table, msg_id, status="P", doc_no=_book(connection, table, rows))
        except Refused as refused:
            values = {"err_code": refused.code, "err_text": refused.text[:200], "doc_no": refused.doc_no}
            _finish(connection, table, msg_id, status="E", **values)

    def _give_up(self, message: Message) -> None:
        with self._database.writing() as connection:
            text = "the message cannot be read"
            _finish(
                connection, message.table, message.rows[0].msg_id, status="E", err_code="BAD_MESSAGE", err_text=text
            )
        self._verdicts.pop(message.key, None)


def _grouped(table: Table, rows: Iterable[Row[Any]]) -> Iterator[Message]:
    messages: dict[str, list[Row[Any]]] = {}
    for row in rows:
        messages.setdefault(row.msg_id, []).append(row)
    return (Message(table, tuple(group)) for group in messages.values())


def _refusal(fault: Fault) -> tuple[str, str]:
    code, text = _DEFAULTS[fault.kind]
    return fault.code or code, fault.message or text


def _book(connection: Connection, table: Table, rows: list[Row[Any]]) -> str:
    if table is cancel_in:
        return books.cancel(connection, rows[0].doc_type, rows[0].target_no, rows[0].hub_key)
    _check_rows(table, rows)
    lines = [{"line": row.line_no, "material": row.material, "qty": row.qty, "uom": row.uom} for row in rows]
    act = books.reserve if table is reservation_in else books.deliver
    return act(connection, dict(rows[0]._mapping), lines)


_SAME = ("line_count", "hub_key", "order_no", "cust_ref")


def _check_rows(table: Table, rows: list[Row[Any]]) -> None:
    names = (*_SAME, "reservation_no", "ship_to") if table is delivery_in else _SAME
    for name in names:
        if len({row._mapping[name] for row in rows}) > 1:
            raise Refused("BAD_MESSAGE", f"the rows differ in {name.upper()}")
    if [row.line_no for row in rows] != list(range(1, rows[0].line_count + 1)):
        raise Refused("BAD_MESSAGE", "LINE_NO must run from 1 to LINE_COUNT")
    for row in rows:
        if not isinstance(row.qty, int | float) or not row.qty > 0:
            raise Refused("BAD_QTY", f"line {row.line_no}: the quantity must be positive")


def _finish(connection: Connection, table: Table, msg_id: str, **values: str | None) -> None:
    done = update(table).where(table.c.msg_id == msg_id).values(**values, processed_at=iso(now_ms()))
    connection.execute(done)
