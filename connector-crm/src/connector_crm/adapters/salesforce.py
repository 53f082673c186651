"""Salesforce: orders.

Built to the published contract, not run against a live tenant. An order's technical id is its 18-character record id,
its customer the account's `AccountNumber`, a line's product `ProductCode`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from connector_crm.adapters import confirmed_orders
from connector_crm.adapters.salesforce_rest import SalesforceApi, VendorError
from service_kit.connector.call import Call
from service_kit.connector.events import Page
from service_kit.connector.mapping import Mappings
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.systems import System
from service_kit.messages import Completed

RETRY = "RETRY"
LOCKED_PAUSE = 5.0
ORDER_FIELDS = (
    "Id, OrderNumber, Status, PoNumber, EffectiveDate, Requested_Delivery_Date__c, CurrencyIsoCode, TotalAmount, "
    "ShippingStreet, ShippingCity, ShippingPostalCode, ShippingState, ShippingCountry, LastModifiedDate, "
    "SystemModstamp, Account.AccountNumber, Account.Name, "
    "(SELECT Product2.ProductCode, Product2.QuantityUnitOfMeasure, Quantity, Description FROM OrderItems "
    "ORDER BY OrderItemNumber)"
)


class Salesforce:
    """The operations of `crm` on one org."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        self._api = SalesforceApi(system)
        self._options = system.options
        self._mappings = mappings

    def close(self) -> None:
        """Release the connections."""
        self._api.close()

    def read_order(self, call: Call) -> Completed:
        """The order with its lines."""
        soql = f"SELECT {ORDER_FIELDS} FROM Order WHERE Id = {_literal(call.input['id'])}"  # noqa: S608 - SOQL, escaped
        with self._refusals():
            records = list(self._api.query(soql, _deadline(call)))
        if not records:
            raise Refused("DOCUMENT_UNKNOWN", f"the CRM has no order {call.input['id']}")
        return Completed(output=self.order(records[0]))

    def update_order_status(self, call: Call) -> Completed:
        """Set the status of an order that nobody has changed meanwhile."""
        deadline = _deadline(call)
        wanted, expected = call.input["status"], call.input.get("from")
        while time.monotonic() < deadline:
            record = self._record(call, deadline)
            status = self._mappings.apply("order-status-code", record)
            if status == wanted:
                return _changed(call, expected or status)
            if expected is not None and status != expected:
                raise Refused("STATUS_CONFLICT", f"the order is {status}, not {expected}", {"status": status})
            if self._set_status(call, record, deadline):
                return _changed(call, status)
        raise Uncertain(f"order {call.input['order']} keeps changing")

    def events(self, watermark: str | None) -> Page:
        """`crm.order.confirmed`."""
        overlap = timedelta(seconds=float(self._options.get("overlap_seconds", 120)))
        return confirmed_orders.look(self, watermark, overlap)

    def newest_stamp(self, deadline: float) -> datetime | None:
        """The newest `SystemModstamp` of any order; None where there is no order yet."""
        soql = "SELECT SystemModstamp FROM Order ORDER BY SystemModstamp DESC LIMIT 1"
        with self._refusals():
            records = list(self._api.query(soql, deadline))
        return datetime.fromisoformat(records[0]["SystemModstamp"]) if records else None

    def confirmed_orders(self, since: datetime, deadline: float) -> Iterator[dict[str, Any]]:
        """The records of the orders that are confirmed now and were touched since then, oldest first."""
        statuses = ", ".join(_literal(str(status)) for status in self._mappings.table("confirmed"))
        moment = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        soql = (
            f"SELECT {ORDER_FIELDS} FROM Order WHERE SystemModstamp >= {moment} AND Status IN ({statuses}) "  # noqa: S608
            "ORDER BY SystemModstamp"
        )
        with self._refusals():
            yield from self._api.query(soql, deadline)

    def order(self, record: dict[str, Any]) -> Any:
        """The canonical document of a record."""
        return self._mappings.apply("sales-order", record, options=self._options)

    def _record(self, call: Call, deadline: float) -> dict[str, Any]:
        with self._refusals():
            return self._api.get(_path(call), deadline, fields="Id,Status,LastModifiedDate")

    def _set_status(self, call: Call, record: dict[str, Any], deadline: float) -> bool:
        """False where somebody else was faster."""
        fields = self._mappings.apply("order-status", call.input, hubKey=call.hub_key)
        modified = datetime.fromisoformat(record["LastModifiedDate"]).astimezone(UTC)
        try:
            with self._refusals():
                self._api.change(_path(call), fields, format_datetime(modified, usegmt=True), deadline)
        except _Modified:
            return False
        return True

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn the CRM's own errors into what they mean."""
        try:
            yield
        except VendorError as error:
            if error.status == HTTPStatus.PRECONDITION_FAILED:
                raise _Modified from error
            meaning = self._mappings.table("refusals").get(error.code, "REFUSED")
            if meaning == RETRY:
                raise NotApplied(f"{error.code}: {error.message}", LOCKED_PAUSE) from error
            raise Refused(meaning, error.message, {"vendorCode": error.code}) from error


class _Modified(Exception):
    """The record was modified since it was read."""


def _changed(call: Call, previous: str) -> Completed:
    order, status = call.input["order"], call.input["status"]
    output = {"order": order, "status": status, "previousStatus": previous}
    return Completed(output=output, references={"order": order})


def _path(call: Call) -> str:
    return f"/sobjects/Order/{quote(call.input['order'], safe='')}"


def _literal(text: str) -> str:
    """A string as a SOQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _deadline(call: Call) -> float:
    return time.monotonic() + call.timeout
