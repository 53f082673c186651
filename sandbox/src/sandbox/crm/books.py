"""What the CRM knows and does: orders with their items, accounts, products, and every status an order ever had."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from sandbox.clock import now_ms
from sandbox.crm.errors import SalesforceError
from sandbox.crm.schema import (
    ACTIVATED,
    EXTERNAL_ID,
    ORDER,
    ORDER_ITEM,
    SOBJECTS,
    STATUS_CATEGORIES,
    SObject,
    long_id,
    record_id,
)
from sandbox.crm.tables import history, ledger, metadata, records
from sandbox.crm.values import Record
from sandbox.database import Database, insert_row
from sandbox.ledger import Ledger

_NATURAL_KEYS = {"Order": "OrderNumber", "Account": "AccountNumber", "Product2": "ProductCode"}
_CHILD_OF = {"OrderItem": "OrderId"}


class CrmBooks:
    """The CRM's books. Refusals are `SalesforceError`s; fields come in already checked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = Ledger(ledger)
        metadata.create_all(database.engine)

    def create(self, sobject: SObject, fields: Record) -> str:
        """Creates a record and returns its id."""
        with self._database.writing() as connection:
            return self._create(connection, sobject, fields)

    def create_order_with_items(self, fields: Record, items: list[Record], status: str) -> Record:
        """What a person does on the screen: an order, its items, then the status."""
        with self._database.writing() as connection:
            order_id = self._create(connection, ORDER, {**fields, "Status": "Draft"})
            for item in items:
                self._create(connection, ORDER_ITEM, {**item, "OrderId": order_id})
            if status != "Draft":
                self._update(connection, self._row(connection, ORDER, order_id), {"Status": status})
            return self._record(connection, self._row(connection, ORDER, order_id))

    def upsert_order(self, key: str, fields: Record, is_complete: Callable[[Record], None]) -> tuple[str, bool]:
        """Creates or updates the order with this external id; `is_complete` refuses what may not be created."""
        with self._database.writing() as connection:
            row = self._by_key(connection, key)
            if row:
                self._update(connection, row, fields)
                return row.id, False
            is_complete(fields)
            return self._create(connection, ORDER, {**fields, EXTERNAL_ID: key}), True

    def update(self, sobject: SObject, id_: str, fields: Record, unmodified_since: int | None = None) -> None:
        """Changes a record; with `unmodified_since` (ms) only one that has not changed since."""
        with self._database.writing() as connection:
            row = self._row(connection, sobject, id_)
            if unmodified_since is not None and row.modified_ms // 1000 * 1000 > unmodified_since:
                raise SalesforceError("PRECONDITION_FAILED", "The record was modified since the given time", 412)
            self._update(connection, row, fields)

    def delete(self, sobject: SObject, id_: str) -> None:
        """Deletes a record; an activated order is refused."""
        with self._database.writing() as connection:
            row = self._row(connection, sobject, id_)
            if sobject is ORDER and STATUS_CATEGORIES[row.fields["Status"]] == ACTIVATED:
                raise SalesforceError(
                    "DELETE_FAILED", "Your attempt to delete the order failed: it is activated", fields=()
                )
            stamps = self._stamps(connection)
            connection.execute(
                update(records).where(records.c.id == row.id).values(deleted=True, hub_key=None, **stamps)
            )
            if sobject is ORDER:
                self._append(connection, "cancel", row, by="delete")

    def touch(self, order_id: str) -> None:
        """A new `SystemModstamp` and nothing else, as recalculations of the vendor do."""
        with self._database.writing() as connection:
            stamp = self._stamps(connection)["stamp"]
            connection.execute(update(records).where(records.c.id == order_id).values(stamp=stamp))

    def read(self, sobject: SObject, id_: str) -> Record:
        """One record with all its fields; 404 where there is none."""
        with self._database.reading() as connection:
            return self._record(connection, self._row(connection, sobject, id_))

    def read_by_key(self, key: str) -> Record:
        """The order with this external id; 404 where there is none."""
        with self._database.reading() as connection:
            row = self._by_key(connection, key)
            if row is None:
                raise _not_found()
            return self._record(connection, row)

    def find(self, sobject: SObject, narrowed: dict[str, Any] | None = None) -> list[Record]:
        """The records of a type in order of `SystemModstamp`; `narrowed` holds what the index can decide: `Id`,
        `parent`, `natural_key`, `stamp_from`."""
        query = (
            select(records)
            .where(records.c.type == sobject.name, records.c.deleted.is_(False))
            .order_by(records.c.stamp)
        )
        for name, value in (narrowed or {}).items():
            query = query.where(records.c.stamp >= value if name == "stamp_from" else records.c[name] == value)
        with self._database.reading() as connection:
            return [self._record(connection, row) for row in connection.execute(query)]

    def put(self, sobject: SObject, natural_key: str, fields: Record) -> None:
        """Inserts or replaces master data."""
        with self._database.writing() as connection:
            same = (records.c.type == sobject.name) & (records.c.natural_key == natural_key)
            row = connection.execute(select(records).where(same)).one_or_none()
            if row:
                self._update(connection, row, fields)
            else:
                self._create(connection, sobject, {**fields, _NATURAL_KEYS[sobject.name]: natural_key})

    def id_of(self, sobject: SObject, natural_key: str) -> str | None:
        """The id of the account, product or order with this number."""
        found = self.find(sobject, {"natural_key": natural_key})
        return str(found[0]["Id"]) if found else None

    def is_empty(self) -> bool:
        """Whether this is the first start."""
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(records)).scalar_one() == 0

    def as_json(self, business_key: str | None = None) -> dict[str, Any]:
        """All books, or what belongs to a business key."""
        with self._database.reading() as connection:
            rows = connection.execute(select(records).where(records.c.type == "Order").order_by(records.c.number))
            orders = [_book_entry(self._record(connection, row), row.deleted) for row in rows]
            orders = [order for order in orders if business_key is None or business_key in order["references"]]
            statuses: dict[str, list[dict[str, Any]]] = {order["id"]: [] for order in orders}
            for entry in connection.execute(select(history).order_by(history.c.seq)):
                statuses.get(entry.order_id, []).append(
                    {"status": entry.status, "hub_key": entry.hub_key, "at": entry.at}
                )
            entries = self._ledger.entries(connection)
        for order in orders:
            order["history"] = statuses[order["id"]]
        return {"orders": orders, "ledger": [entry for entry in entries if entry["document"] in statuses]}

    def _create(self, connection: Connection, sobject: SObject, fields: Record) -> str:
        self._check_references(connection, sobject, fields)
        if sobject is ORDER:
            _check_new_status(fields)
        elif sobject is ORDER_ITEM:
            fields = {**fields, "TotalPrice": fields["Quantity"] * fields["UnitPrice"]}
        stamps = self._stamps(connection)
        key = fields.get(EXTERNAL_ID)
        self._check_unique(connection, key)
        new = {
            "type": sobject.name,
            "created_ms": stamps["modified_ms"],
            "hub_key": key or None,
            "fields": fields,
            **stamps,
        }
        number = insert_row(connection, insert(records).values(**new))
        fields = self._numbered(sobject, fields, number)
        naming = {
            "id": record_id(sobject, number),
            "parent": fields.get(_CHILD_OF.get(sobject.name, ""), ""),
            "natural_key": fields.get(_NATURAL_KEYS.get(sobject.name, ""), ""),
            "fields": fields,
        }
        connection.execute(update(records).where(records.c.number == number).values(**naming))
        row = connection.execute(select(records).where(records.c.number == number)).one()
        if sobject is ORDER:
            self._append(connection, "create", row)
            self._remember_status(connection, row)
        return str(row.id)

    def _check_unique(self, connection: Connection, key: str | None) -> None:
        row = self._by_key(connection, key) if key else None
        if row:
            message = f"duplicate value found: {EXTERNAL_ID} duplicates value on record with id: {row.id}"
            raise SalesforceError("DUPLICATE_VALUE", message, fields=())

    def _numbered(self, sobject: SObject, fields: Record, number: int) -> Record:
        automatic = {"Order": ("OrderNumber", f"{number:08d}"), "OrderItem": ("OrderItemNumber", f"{number:010d}")}
        if sobject.name not in automatic or fields.get(automatic[sobject.name][0]):
            return fields
        name, value = automatic[sobject.name]
        return {**fields, name: value}

    def _update(self, connection: Connection, row: Row[Any], fields: Record) -> None:
        sobject = SOBJECTS[row.type]
        self._check_references(connection, sobject, fields)
        merged = {**row.fields, **fields}
        new_status = sobject is ORDER and merged["Status"] != row.fields["Status"]
        if new_status:
            self._check_activation(connection, row, merged)
        if sobject is ORDER_ITEM:
            merged["TotalPrice"] = merged["Quantity"] * merged["UnitPrice"]
        stamps = self._stamps(connection)
        values = {"fields": merged, "hub_key": merged.get(EXTERNAL_ID) or None, **stamps}
        connection.execute(update(records).where(records.c.id == row.id).values(**values))
        if new_status:
            changed = connection.execute(select(records).where(records.c.id == row.id)).one()
            self._append(connection, "status", changed, status=merged["Status"], previous=row.fields["Status"])
            self._remember_status(connection, changed)

    def _check_references(self, connection: Connection, sobject: SObject, fields: Record) -> None:
        for type_, name in sobject.relations.values():
            if fields.get(name):
                query = select(records.c.id).where(records.c.id == fields[name], records.c.type == type_)
                if connection.execute(query).first() is None:
                    message = f"{type_} ID: id value of incorrect type: {fields[name]}"
                    raise SalesforceError("MALFORMED_ID", message, fields=(name,))

    def _check_activation(self, connection: Connection, row: Row[Any], merged: Record) -> None:
        if STATUS_CATEGORIES[merged["Status"]] != ACTIVATED:
            return
        items = select(func.count()).where(records.c.parent == row.id, records.c.deleted.is_(False))
        if connection.execute(items).scalar_one() == 0:
            raise SalesforceError(
                "FAILED_ACTIVATION", "An order must have at least one product to be activated.", fields=()
            )
        merged.setdefault("ActivatedDate", now_ms())

    def _stamps(self, connection: Connection) -> dict[str, int]:
        """The next `SystemModstamp`: now, and above every stamp given before. Taken under the write lock, so no query
        can have seen a later one."""
        latest = connection.execute(select(func.max(records.c.stamp))).scalar_one() or 0
        stamp = max(now_ms(), latest + 1)
        return {"stamp": stamp, "modified_ms": stamp}

    def _row(self, connection: Connection, sobject: SObject, id_: str) -> Row[Any]:
        wanted = (records.c.id == long_id(id_)) & (records.c.type == sobject.name) & records.c.deleted.is_(False)
        row = connection.execute(select(records).where(wanted)).one_or_none()
        if row is None:
            raise _not_found()
        return row

    def _by_key(self, connection: Connection, key: str) -> Row[Any] | None:
        wanted = (records.c.hub_key == key) & records.c.deleted.is_(False)
        return connection.execute(select(records).where(wanted)).one_or_none()

    def _record(self, connection: Connection, row: Row[Any]) -> Record:
        record = {name: row.fields.get(name) for name in SOBJECTS[row.type].fields}
        record |= {"Id": row.id, "CreatedDate": row.created_ms, "LastModifiedDate": row.modified_ms}
        record |= {"SystemModstamp": row.stamp, "IsDeleted": row.deleted}
        if row.type == "Order":
            record["StatusCode"] = STATUS_CATEGORIES[record["Status"]]
            items = select(records.c.fields).where(records.c.parent == row.id, records.c.deleted.is_(False))
            record["TotalAmount"] = sum(item["TotalPrice"] for item in connection.execute(items).scalars())
        return record

    def _append(self, connection: Connection, action: str, row: Row[Any], **detail: Any) -> None:
        fields = row.fields
        hub_key = fields.get("Hub_Status_Key__c" if action == "status" else EXTERNAL_ID) or ""
        self._ledger.append(connection, action, "order", row.id, hub_key, fields.get("PoNumber") or "", **detail)

    def _remember_status(self, connection: Connection, row: Row[Any]) -> None:
        key = row.fields.get("Hub_Status_Key__c") or ""
        entry = {"order_id": row.id, "status": row.fields["Status"], "hub_key": key, "at": row.stamp}
        connection.execute(insert(history).values(**entry))


def _check_new_status(fields: Record) -> None:
    if STATUS_CATEGORIES[fields["Status"]] == ACTIVATED:
        raise SalesforceError(
            "FAILED_ACTIVATION", "Choose a valid order status: a new order cannot be activated.", fields=("Status",)
        )


def _not_found() -> SalesforceError:
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", 404)


_REFERENCES = ("Id", "OrderNumber", "PoNumber", "OrderReferenceNumber", EXTERNAL_ID)


def _book_entry(order: Record, deleted: bool) -> dict[str, Any]:
    return {
        "id": order["Id"],
        "number": order["OrderNumber"],
        "status": order["Status"],
        "state": "deleted" if deleted else "open",
        "hub_key": order[EXTERNAL_ID] or "",
        "business_key": order["PoNumber"] or "",
        "references": sorted({order[name] for name in _REFERENCES} - {None, ""}),
        "account": order["AccountId"],
        "total_amount": order["TotalAmount"],
        "system_modstamp": order["SystemModstamp"],
    }
