"""The tables and views through which the WMS takes messages. It creates them; nobody here creates or alters any."""

from sqlalchemy import Column, Integer, MetaData, Numeric, String, Table

_metadata = MetaData()


def _answer_columns() -> list[Column[str]]:
    """The columns of every inbound table that the WMS fills in."""
    return [
        Column("status", String(1)),
        Column("err_code", String(30)),
        Column("err_text", String(200)),
        Column("doc_no", String(20)),
        Column("created_at", String(24)),
        Column("processed_at", String(24)),
    ]


def _line_table(name: str, *columns: Column[str]) -> Table:
    """An inbound table with one row per line of a document."""
    return Table(
        name,
        _metadata,
        Column("seq", Integer, primary_key=True),
        Column("msg_id", String(40)),
        Column("line_no", Integer),
        Column("line_count", Integer),
        Column("hub_key", String(40)),
        Column("order_no", String(40)),
        Column("cust_ref", String(40)),
        Column("material", String(40)),
        Column("qty", Numeric(13, 3)),
        Column("uom", String(3)),
        *columns,
        *_answer_columns(),
    )


RESERVATION_IN = _line_table("if_reservation_in")
DELIVERY_IN = _line_table("if_delivery_in", Column("reservation_no", String(20)), Column("ship_to", String(10)))
CANCEL_IN = Table(
    "if_cancel_in",
    _metadata,
    Column("seq", Integer, primary_key=True),
    Column("msg_id", String(40)),
    Column("hub_key", String(40)),
    Column("doc_type", String(12)),
    Column("target_no", String(20)),
    Column("reason", String(80)),
    *_answer_columns(),
)
DOCUMENT_OUT = Table(
    "if_document_out",
    _metadata,
    Column("doc_type", String(12)),
    Column("doc_no", String(20)),
    Column("hub_key", String(40)),
    Column("order_no", String(40)),
    Column("cust_ref", String(40)),
    Column("state", String(10)),
)
