"""What the ERP knows and does: customers' credit, sales orders, and how they change."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from sandbox.clock import now_ms
from sandbox.database import Database, insert_row
from sandbox.erp.entities import CURRENCY, book_entry, check_reversible, item_number, money, order_entity
from sandbox.erp.odata import NOT_FOUND, Condition, Entity, ODataError
from sandbox.erp.tables import customers, items, ledger, materials, metadata, orders
from sandbox.ledger import Ledger

FIRST_NUMBER = 5_000_000
_INDEXED = {"SalesOrder": orders.c.number, "SoldToParty": orders.c.sold_to, "PurchaseOrderByCustomer": orders.c.hub_key}


class ErpBooks:
    """The ERP's books. Refusals are `ODataError`s; fields come in already checked for type and length."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = Ledger(ledger)
        metadata.create_all(database.engine)

    def create(self, header: Entity, lines: list[Entity]) -> Entity:
        """Creates an order with its items and returns it."""
        with self._database.writing() as connection:
            self._check_customer(connection, header["SoldToParty"])
            now = now_ms()
            values = {
                "hub_key": header.get("PurchaseOrderByCustomer", ""),
                "business_key": header.get("AssignmentReference", ""),
            }
            status = {"rejection_status": "A", "delivery_status": "A", "open_cents": 0}
            new = {"sold_to": header["SoldToParty"], "fields": header, "created_ms": now, "changed_ms": now}
            order_id = insert_row(connection, insert(orders).values(**values, **status, **new))
            number = str(FIRST_NUMBER + order_id)
            connection.execute(update(orders).where(orders.c.id == order_id).values(number=number))
            for line in lines:
                self._insert_item(connection, order_id, line)
            self._ledger.append(connection, "create", "sales_order", number, **values)
            self._settle(connection, order_id, touch=False)
            return self._entity(connection, self._row(connection, number))

    def add_item(self, number: str, line: Entity) -> Entity:
        """Adds an item and returns the order."""
        with self._database.writing() as connection:
            row = self._row(connection, number)
            self._insert_item(connection, row.id, line)
            self._settle(connection, row.id)
            return self._entity(connection, self._row(connection, number))

    def find(self, conditions: Iterable[Condition]) -> list[Entity]:
        """The orders that meet all conditions, oldest first."""
        conditions = list(conditions)
        query = select(orders).where(orders.c.deleted.is_(False)).order_by(orders.c.id)
        for condition in conditions:
            if condition.field in _INDEXED and condition.operator == "eq":
                query = query.where(_INDEXED[condition.field] == condition.value)
        with self._database.reading() as connection:
            entities = self._entities(connection, list(connection.execute(query)))
        return [entity for entity in entities if all(condition.holds(entity) for condition in conditions)]

    def read(self, number: str) -> Entity:
        """One order, its items under `to_Item`, its change moment under `changed_ms`; 404 where there is none."""
        with self._database.reading() as connection:
            return self._entity(connection, self._row(connection, number))

    def read_item(self, number: str, item: str) -> tuple[Entity, Entity]:
        """One item and its order."""
        order = self.read(number)
        wanted = item_number(item, order)
        return next(line for line in order["to_Item"] if line["SalesOrderItem"] == wanted), order

    def change(self, number: str, changed_ms: int | None, fields: Entity) -> None:
        """Changes header fields; `changed_ms` is what `If-Match` named (None: any)."""
        with self._database.writing() as connection:
            row = self._current(connection, number, changed_ms)
            merged = {**row.fields, **fields}
            values = {
                "hub_key": merged.get("PurchaseOrderByCustomer", ""),
                "business_key": merged.get("AssignmentReference", ""),
            }
            connection.execute(update(orders).where(orders.c.id == row.id).values(fields=merged, **values))
            self._ledger.append(connection, "change", "sales_order", number, **values, fields=sorted(fields))
            self._settle(connection, row.id)

    def change_item(self, number: str, item: str, changed_ms: int | None, fields: Entity) -> None:
        """Changes item fields; rejecting is refused once a delivery exists."""
        with self._database.writing() as connection:
            row = self._current(connection, number, changed_ms)
            if fields.get("SalesDocumentRjcnReason"):
                check_reversible(row)
            wanted = item_number(item, self._entity(connection, row))
            here = (items.c.order_id == row.id) & (items.c.item == int(wanted))
            merged = {**connection.execute(select(items.c.fields).where(here)).scalar_one(), **fields}
            net = self._net_cents(connection, merged)
            connection.execute(update(items).where(here).values(fields=merged, net_cents=net))
            self._settle(connection, row.id)

    def delete(self, number: str, changed_ms: int | None) -> None:
        """Deletes an order that nothing follows; the books keep it as cancelled."""
        with self._database.writing() as connection:
            row = self._current(connection, number, changed_ms)
            check_reversible(row)
            connection.execute(update(orders).where(orders.c.id == row.id).values(deleted=True, open_cents=0))
            action = "change" if row.rejection_status == "C" else "cancel"
            self._ledger.append(connection, action, "sales_order", number, row.hub_key, row.business_key, by="delete")

    def delete_item(self, number: str, item: str, changed_ms: int | None) -> None:
        """Deletes an item of an order that nothing follows."""
        with self._database.writing() as connection:
            row = self._current(connection, number, changed_ms)
            check_reversible(row)
            wanted = item_number(item, self._entity(connection, row))
            connection.execute(delete(items).where(items.c.order_id == row.id, items.c.item == int(wanted)))
            self._settle(connection, row.id)

    def credit(self, partner: str) -> Entity:
        """The credit account of a business partner: its limit and what open orders use of it."""
        with self._database.reading() as connection:
            row = connection.execute(select(customers).where(customers.c.number == partner)).one_or_none()
            if row is None:
                raise ODataError(NOT_FOUND, "Resource not found for segment 'CreditManagementAccountType'", 404)
            used = select(func.coalesce(func.sum(orders.c.open_cents), 0)).where(orders.c.sold_to == partner)
            exposure = row.exposure_cents + connection.execute(used).scalar_one()
        return {
            "BusinessPartner": partner,
            "CreditSegment": "0000",
            "CreditSegmentCurrency": CURRENCY,
            "CreditLimitAmount": money(row.limit_cents),
            "CreditExposureAmount": money(exposure),
            "CreditAccountIsBlocked": row.blocked,
            "CreditAccountBlockReason": "01" if row.blocked else "",
            "CreditLimitIsZero": row.limit_cents == 0,
        }

    def set_delivery_status(self, number: str, status: str) -> None:
        """What happens when a delivery is made from the order."""
        with self._database.writing() as connection:
            row = self._row(connection, number)
            connection.execute(update(orders).where(orders.c.id == row.id).values(delivery_status=status))
            self._settle(connection, row.id)

    def put_customer(self, values: Mapping[str, Any]) -> None:
        """Inserts or replaces a customer."""
        with self._database.writing() as connection:
            connection.execute(delete(customers).where(customers.c.number == values["number"]))
            connection.execute(insert(customers).values(**values))

    def put_material(self, values: Mapping[str, Any]) -> None:
        """Inserts or replaces a material."""
        with self._database.writing() as connection:
            connection.execute(delete(materials).where(materials.c.number == values["number"]))
            connection.execute(insert(materials).values(**values))

    def is_empty(self) -> bool:
        """Whether this is the first start."""
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(customers)).scalar_one() == 0

    def as_json(self, business_key: str | None = None) -> dict[str, Any]:
        """All books, or what belongs to a business key."""
        query = select(orders).order_by(orders.c.id)
        if business_key is not None:
            query = query.where(or_(orders.c.business_key == business_key, orders.c.hub_key == business_key))
        with self._database.reading() as connection:
            rows = list(connection.execute(query))
            found = [
                book_entry(row, entity) for row, entity in zip(rows, self._entities(connection, rows), strict=True)
            ]
            entries = self._ledger.entries(connection)
        numbers = {order["number"] for order in found}
        return {"sales_orders": found, "ledger": [entry for entry in entries if entry["document"] in numbers]}

    def _row(self, connection: Connection, number: str) -> Row[Any]:
        wanted = (orders.c.number == number.lstrip("0")) & orders.c.deleted.is_(False)
        row = connection.execute(select(orders).where(wanted)).one_or_none()
        if row is None:
            raise ODataError(NOT_FOUND, "Resource not found for segment 'A_SalesOrderType'", 404)
        return row

    def _current(self, connection: Connection, number: str, changed_ms: int | None) -> Row[Any]:
        row = self._row(connection, number)
        if changed_ms is not None and row.changed_ms != changed_ms:
            raise ODataError("/IWBEP/CM_MGW_RT/054", "The resource was changed meanwhile (precondition failed)", 412)
        return row

    def _check_customer(self, connection: Connection, number: str) -> None:
        blocked = connection.execute(
            select(customers.c.blocked).where(customers.c.number == number)
        ).scalar_one_or_none()
        if blocked is None:
            raise ODataError(
                "VP/199", f"Sold-to party {number} not maintained for sales area 1010 10 00", target="SoldToParty"
            )
        if blocked:
            raise ODataError("V1/849", f"Credit check: business partner {number} is blocked", target="SoldToParty")

    def _insert_item(self, connection: Connection, order_id: int, line: Entity) -> None:
        highest = (
            connection.execute(select(func.max(items.c.item)).where(items.c.order_id == order_id)).scalar_one() or 0
        )
        number = int(line["SalesOrderItem"]) if line.get("SalesOrderItem") else highest + 10
        taken = select(items.c.item).where(items.c.order_id == order_id, items.c.item == number)
        if connection.execute(taken).first():
            raise ODataError("V1/302", f"Item {number} exists already", target="SalesOrderItem")
        net = self._net_cents(connection, line)
        fields = {**line, "SalesOrderItem": str(number)}
        connection.execute(insert(items).values(order_id=order_id, item=number, fields=fields, net_cents=net))

    def _net_cents(self, connection: Connection, line: Entity) -> int:
        price = select(materials.c.price_cents).where(materials.c.number == line["Material"])
        cents = connection.execute(price).scalar_one_or_none()
        if cents is None:
            raise ODataError(
                "V1/382", f"Material {line['Material']} is not defined for sales org. 1010", target="Material"
            )
        return int((Decimal(line["RequestedQuantity"]) * cents).quantize(Decimal(1), ROUND_HALF_UP))

    def _settle(self, connection: Connection, order_id: int, touch: bool = True) -> None:
        """Recomputes what follows from the items, and records a cancellation or its reversal."""
        row = connection.execute(select(orders).where(orders.c.id == order_id)).one()
        lines = list(connection.execute(select(items).where(items.c.order_id == order_id)))
        standing = [line for line in lines if not line.fields.get("SalesDocumentRjcnReason")]
        status = "A" if len(standing) == len(lines) else "B" if standing else "C"
        changed = max(now_ms(), row.changed_ms + 1) if touch else row.changed_ms
        total = sum(line.net_cents for line in standing)
        values = {"rejection_status": status, "open_cents": total, "changed_ms": changed}
        connection.execute(update(orders).where(orders.c.id == order_id).values(**values))
        if (status == "C") != (row.rejection_status == "C"):
            action = "cancel" if status == "C" else "reopen"
            self._ledger.append(
                connection, action, "sales_order", row.number, row.hub_key, row.business_key, by="rejection"
            )

    def _entity(self, connection: Connection, row: Row[Any]) -> Entity:
        return self._entities(connection, [row])[0]

    def _entities(self, connection: Connection, rows: list[Row[Any]]) -> list[Entity]:
        lines: dict[int, list[Row[Any]]] = {row.id: [] for row in rows}
        query = select(items).order_by(items.c.item)
        if len(rows) < 500:  # SQLite's limit of bound variables
            query = query.where(items.c.order_id.in_(list(lines)))
        for line in connection.execute(query):
            lines.get(line.order_id, []).append(line)
        return [order_entity(row, lines[row.id]) for row in rows]
