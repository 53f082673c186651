"""The staging tables (the contract with writers, see the README), and the WMS's own books beside them."""

from sqlalchemy import (
    CHAR,
    JSON,
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    text,
)

from sandbox.ledger import ledger_table

metadata = MetaData()
_BIG = BigInteger().with_variant(Integer, "sqlite")
Quantity = Numeric(13, 3, asdecimal=False)


def _sequence() -> Column[int]:
    return Column("seq", _BIG, primary_key=True, autoincrement=True)


def _result() -> list[Column[str]]:
    return [
        Column("status", CHAR(1), nullable=False, index=True),
        Column("err_code", String(30)),
        Column("err_text", String(200)),
        Column("doc_no", String(20)),
        Column("created_at", String(24), nullable=False),
        Column("processed_at", String(24)),
    ]


def _lines(name: str, *more: Column[str]) -> Table:
    return Table(
        name,
        metadata,
        _sequence(),
        Column("msg_id", String(40), nullable=False),
        Column("line_no", Integer, nullable=False),
        Column("line_count", Integer, nullable=False),
        Column("hub_key", String(40), nullable=False, index=True),
        Column("order_no", String(40), nullable=False),
        Column("cust_ref", String(40)),
        Column("material", String(40), nullable=False),
        Column("qty", Quantity, nullable=False),
        Column("uom", String(3), nullable=False),
        *more,
        *_result(),
        UniqueConstraint("msg_id", "line_no"),
        sqlite_autoincrement=True,
    )


reservation_in = _lines("if_reservation_in")
delivery_in = _lines("if_delivery_in", Column("reservation_no", String(20)), Column("ship_to", String(10)))
cancel_in = Table(
    "if_cancel_in",
    metadata,
    _sequence(),
    Column("msg_id", String(40), nullable=False, unique=True),
    Column("hub_key", String(40), nullable=False, index=True),
    Column("doc_type", String(12), nullable=False),
    Column("target_no", String(20)),
    Column("reason", String(80)),
    *_result(),
    sqlite_autoincrement=True,
)

stock = Table(
    "wms_stock",
    metadata,
    Column("material", String(40), primary_key=True),
    Column("uom", String(3), nullable=False),
    Column("on_hand", Quantity, nullable=False),
    Column("reserved", Quantity, nullable=False, default=0),
)


def _documents(name: str, *more: Column[str]) -> Table:
    return Table(
        name,
        metadata,
        Column("id", _BIG, primary_key=True, autoincrement=True),
        Column("doc_no", String(20), unique=True),
        Column("msg_id", String(40), nullable=False),
        Column("hub_key", String(40), nullable=False, index=True),
        Column("order_no", String(40), nullable=False, index=True),
        Column("cust_ref", String(40), nullable=False, index=True),
        Column("lines", JSON, nullable=False),
        Column("state", String(10), nullable=False),
        Column("created_at", String(24), nullable=False),
        Column("changed_at", String(24), nullable=False),
        *more,
        sqlite_autoincrement=True,
    )


reservations = _documents("wms_reservation")
deliveries = _documents(
    "wms_delivery", Column("reservation_no", String(20), nullable=False), Column("ship_to", String(10), nullable=False)
)
ledger = ledger_table(metadata, "wms_ledger")

_COLUMNS = "doc_no, hub_key, order_no, cust_ref, state, created_at, changed_at"
_VIEWS = {
    "if_document_out": f"SELECT 'RESERVATION' AS doc_type, {_COLUMNS} FROM wms_reservation "  # noqa: S608 - constants
    f"UNION ALL SELECT 'DELIVERY' AS doc_type, {_COLUMNS} FROM wms_delivery",
    "if_stock_out": "SELECT material, uom, on_hand, reserved, on_hand - reserved AS available FROM wms_stock",
}


def create_schema(connection: Connection) -> None:
    """Creates what is missing."""
    metadata.create_all(connection)
    for name, query in _VIEWS.items():
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
        connection.execute(text(f"CREATE VIEW {name} AS {query}"))
