"""What the WMS knows and does: stock, reservations, deliveries. Every method works inside the caller's transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, update

from sandbox.clock import iso, now_ms
from sandbox.database import insert_row
from sandbox.errors import UnknownDocument
from sandbox.ledger import Ledger
from sandbox.wms.tables import deliveries, ledger, reservations, stock

Line = dict[str, Any]
OPEN, CONSUMED, ISSUED, CANCELLED = "OPEN", "CONSUMED", "ISSUED", "CANCELLED"
TABLES = {"RESERVATION": reservations, "DELIVERY": deliveries}
_LEDGER = Ledger(ledger)


class Refused(Exception):
    """The WMS refuses a message: `ERR_CODE`, `ERR_TEXT`, and the document that it is about where there is one."""

    def __init__(self, code: str, text: str, doc_no: str | None = None) -> None:
        super().__init__(text)
        self.code, self.text, self.doc_no = code, text, doc_no


def reserve(connection: Connection, head: Mapping[str, Any], lines: list[Line]) -> str:
    """Reserves all lines and returns the reservation's number."""
    _take(connection, lines)
    return _insert(connection, "RESERVATION", "R", head, lines)


def deliver(connection: Connection, head: Mapping[str, Any], lines: list[Line]) -> str:
    """Makes a delivery, from a reservation or from free stock, and returns its number."""
    reservation_no = head["reservation_no"] or ""
    if reservation_no:
        _consume(connection, reservation_no, lines)
    else:
        _take(connection, lines)
    more = {"reservation_no": reservation_no, "ship_to": head["ship_to"] or ""}
    return _insert(connection, "DELIVERY", "D", head, lines, **more)


def cancel(connection: Connection, doc_type: str, target_no: str | None, hub_key: str) -> str:
    """Cancels a document, found by number or by hub key, and returns its number."""
    row = _target(connection, doc_type, target_no, hub_key)
    refusals = {
        CANCELLED: ("ALREADY_CANCELLED", f"{row.doc_no} is cancelled already"),
        CONSUMED: ("DELIVERY_EXISTS", f"a delivery stands on {row.doc_no}"),
        ISSUED: ("GOODS_ISSUED", f"the goods of {row.doc_no} have left"),
    }
    if row.state in refusals:
        raise Refused(*refusals[row.state], doc_no=row.doc_no)
    if doc_type == "DELIVERY" and row.reservation_no:
        reservation = find(connection, reservations, row.reservation_no)
        _change(connection, "RESERVATION", reservation, OPEN, "restore")
    else:
        _move(connection, row.lines, reserved=-1)
    _change(connection, doc_type, row, CANCELLED, "cancel")
    return str(row.doc_no)


def issue_goods(connection: Connection, doc_no: str) -> None:
    """The goods of a delivery leave the warehouse."""
    row = find(connection, deliveries, doc_no)
    if row is None or row.state != OPEN:
        raise UnknownDocument(f"there is no open delivery {doc_no}")
    _move(connection, row.lines, reserved=-1, on_hand=-1)
    _change(connection, "DELIVERY", row, ISSUED, "issue")


def set_stock(connection: Connection, material: str, on_hand: float) -> None:
    """Sets a material's stock level; reservations stay."""
    done = connection.execute(update(stock).where(stock.c.material == material).values(on_hand=on_hand))
    if done.rowcount == 0:
        connection.execute(insert(stock).values(material=material, uom="PC", on_hand=on_hand, reserved=0))


def find(connection: Connection, table: Table, doc_no: str) -> Row[Any] | None:
    """A document by its number."""
    return connection.execute(select(table).where(table.c.doc_no == doc_no)).one_or_none()


def _take(connection: Connection, lines: list[Line]) -> None:
    for material in sorted({line["material"] for line in lines}):
        row = connection.execute(select(stock).where(stock.c.material == material)).one_or_none()
        if row is None:
            raise Refused("UNKNOWN_MATERIAL", f"material {material} is unknown")
        if any(line["uom"] != row.uom for line in lines if line["material"] == material):
            raise Refused("BAD_UOM", f"material {material} is kept in {row.uom}")
        wanted = round(sum(line["qty"] for line in lines if line["material"] == material), 3)
        available = round(row.on_hand - row.reserved, 3)
        if wanted > available:
            raise Refused("OUT_OF_STOCK", f"material {material}: {wanted:g} wanted, {available:g} available")
    _move(connection, lines, reserved=1)


def _move(connection: Connection, lines: list[Line], reserved: int = 0, on_hand: int = 0) -> None:
    for line in lines:
        quantity = line["qty"]
        values = {"reserved": stock.c.reserved + reserved * quantity, "on_hand": stock.c.on_hand + on_hand * quantity}
        connection.execute(update(stock).where(stock.c.material == line["material"]).values(**values))


def _consume(connection: Connection, doc_no: str, lines: list[Line]) -> None:
    row = find(connection, reservations, doc_no)
    if row is None:
        raise Refused("NOT_FOUND", f"there is no reservation {doc_no}")
    if row.state != OPEN:
        raise Refused("RESERVATION_NOT_OPEN", f"reservation {doc_no} is {row.state.lower()}")
    if _totals(row.lines) != _totals(lines):
        raise Refused("RESERVATION_MISMATCH", f"materials or quantities differ from reservation {doc_no}")
    _change(connection, "RESERVATION", row, CONSUMED, "consume")


def _totals(lines: list[Line]) -> dict[tuple[str, str], float]:
    totals: dict[tuple[str, str], float] = {}
    for line in lines:
        key = (line["material"], line["uom"])
        totals[key] = round(totals.get(key, 0) + line["qty"], 3)
    return totals


def _target(connection: Connection, doc_type: str, target_no: str | None, hub_key: str) -> Row[Any]:
    if doc_type not in TABLES:
        raise Refused("BAD_MESSAGE", f"DOC_TYPE {doc_type} is unknown")
    table = TABLES[doc_type]
    if target_no:
        row = find(connection, table, target_no)
        if row is None:
            raise Refused("NOT_FOUND", f"there is no document {target_no}")
        return row
    rows = list(connection.execute(select(table).where(table.c.hub_key == hub_key).order_by(table.c.id)))
    standing = [row for row in rows if row.state != CANCELLED]
    if len(standing) > 1:
        raise Refused("AMBIGUOUS", f"{len(standing)} documents carry {hub_key}")
    if not rows:
        raise Refused("NOT_FOUND", f"no document carries {hub_key}")
    return (standing or rows)[-1]


def _insert(
    connection: Connection, doc_type: str, letter: str, head: Mapping[str, Any], lines: list[Line], **more: str
) -> str:
    table, now = TABLES[doc_type], iso(now_ms())
    values = {name: head[name] or "" for name in ("msg_id", "hub_key", "order_no", "cust_ref")}
    new = insert(table).values(**values, lines=lines, state=OPEN, created_at=now, changed_at=now, **more)
    id_ = insert_row(connection, new)
    doc_no = f"{letter}-{id_:08d}"
    connection.execute(update(table).where(table.c.id == id_).values(doc_no=doc_no))
    keys = (values["hub_key"], values["cust_ref"] or values["order_no"])
    _LEDGER.append(connection, "create", doc_type.lower(), doc_no, *keys)
    return doc_no


def _change(connection: Connection, doc_type: str, row: Row[Any] | None, state: str, action: str) -> None:
    if row is None:
        raise UnknownDocument
    table = TABLES[doc_type]
    values = {"state": state, "changed_at": iso(now_ms())}
    connection.execute(update(table).where(table.c.doc_no == row.doc_no).values(**values))
    _LEDGER.append(connection, action, doc_type.lower(), row.doc_no, row.hub_key, row.cust_ref or row.order_no)


def as_json(connection: Connection, business_keys: set[str] | None = None) -> dict[str, Any]:
    """All books, or what refers to one of the business keys."""
    found = {
        "reservations": [
            _book_entry(row) for row in connection.execute(select(reservations).order_by(reservations.c.id))
        ],
        "deliveries": [_book_entry(row) for row in connection.execute(select(deliveries).order_by(deliveries.c.id))],
    }
    for name, documents in found.items():
        found[name] = [d for d in documents if business_keys is None or business_keys & set(d["references"])]
    numbers = {document["number"] for documents in found.values() for document in documents}
    entries = [entry for entry in _LEDGER.entries(connection) if entry["document"] in numbers]
    levels = [dict(row._mapping) for row in connection.execute(select(stock).order_by(stock.c.material))]
    return {**found, "stock": levels, "ledger": entries}


def _book_entry(row: Row[Any]) -> dict[str, Any]:
    entry = {name: value for name, value in row._mapping.items() if name not in ("id", "doc_no")}
    references = sorted({row.hub_key, row.order_no, row.cust_ref} - {""})
    business_key = row.cust_ref or row.order_no
    return {
        "number": row.doc_no,
        **entry,
        "state": row.state.lower(),
        "references": references,
        "business_key": business_key,
    }
