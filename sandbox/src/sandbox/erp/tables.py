"""The tables of the ERP's books. Amounts are whole cents."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, MetaData, String, Table

from sandbox.ledger import ledger_table

metadata = MetaData()

customers = Table(
    "customer",
    metadata,
    Column("number", String(10), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("limit_cents", BigInteger, nullable=False),
    Column("exposure_cents", BigInteger, nullable=False, default=0),
    Column("blocked", Boolean, nullable=False, default=False),
)

materials = Table(
    "material",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("price_cents", BigInteger, nullable=False),
)

orders = Table(
    "sales_order",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("number", String(10), unique=True),
    Column("sold_to", String(10), nullable=False),
    Column("hub_key", String(35), nullable=False, index=True),
    Column("business_key", String(18), nullable=False, index=True),
    Column("fields", JSON, nullable=False),
    Column("rejection_status", String(1), nullable=False),
    Column("delivery_status", String(1), nullable=False),
    Column("open_cents", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

items = Table(
    "sales_order_item",
    metadata,
    Column("order_id", ForeignKey("sales_order.id"), primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("fields", JSON, nullable=False),
    Column("net_cents", BigInteger, nullable=False),
)

ledger = ledger_table(metadata)
