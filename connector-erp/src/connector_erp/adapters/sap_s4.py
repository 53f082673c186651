"""SAP S/4HANA: sales orders (API_SALES_ORDER_SRV) and credit accounts (API_CRDTMBUSINESSPARTNER), OData v2.

Built to the published contract, not run against a live tenant.

The hub key goes into `PurchaseOrderByCustomer` as `HUB-` and the key: it is the only field of the create type that is
long enough and can be filtered, and with the sold-to party it finds the order again. What people look for goes into
`AssignmentReference`: the number of the order this one was made from. The customer's own reference becomes the header
text that the option `customer_reference_text` names (`TX01`, say); where that is not set it stays in the CRM.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from connector_erp.adapters.sap_odata import Changed, ODataService, VendorError, literal
from service_kit.connector.call import Call
from service_kit.connector.http import SystemSession
from service_kit.connector.mapping import Mappings
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.systems import System
from service_kit.messages import Completed, Probed, ProbeVerdict

SALES_ORDERS = "/sap/opu/odata/sap/API_SALES_ORDER_SRV"
CREDIT = "/sap/opu/odata/sap/API_CRDTMBUSINESSPARTNER"
REJECTED = "C"
NOT_DELIVERED = ("", "A")
RETRY = "RETRY"
FRAMEWORK = "/IW"  # error codes of SAP Gateway itself: what we sent is wrong
LOCKED_PAUSE = 5.0
UNKNOWN_DOCUMENT = "DOCUMENT_UNKNOWN"


class SapS4:
    """The operations of `erp` on one system."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        user, password = system.credentials["user"], system.credentials["password"]
        self._http = SystemSession(system, auth=(user, password))
        client = {"sap-client": str(system.options["client"])} if "client" in system.options else {}
        self._orders = ODataService(self._http, SALES_ORDERS, client)
        self._credit = ODataService(self._http, CREDIT, client)
        self._options = system.options
        self._mappings = mappings

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def check_credit(self, call: Call) -> Completed:
        """Compare the amount with the limit less what is used of it; a blocked account is never approved."""
        segment = str(self._options.get("credit_segment", "0000"))
        key = f"BusinessPartner={literal(call.input['customer'])},CreditSegment={literal(segment)}"
        with self._refusals(missing="CUSTOMER_UNKNOWN"):
            account = self._credit.get(f"/CreditManagementAccount({key})", _deadline(call))
        if account["CreditSegmentCurrency"] != call.input["currency"]:
            raise Refused("CURRENCY_MISMATCH", f"the credit account is kept in {account['CreditSegmentCurrency']}")
        return Completed(output=self._mappings.apply("customer-credit", account, question=call.input))

    def create_sales_order(self, call: Call) -> Completed:
        """Create it with its items in one call."""
        body = self._mappings.apply(
            "sales-order",
            call.input,
            reference=_reference(call),
            businessKey=call.business_key,
            options=self._options,
        )
        with self._refusals():
            return self._completed(self._orders.create("/A_SalesOrder", body, _deadline(call)))

    def probe_create_sales_order(self, call: Call) -> Probed:
        """Find the orders of this customer with the hub's reference; those that were cancelled do not count."""
        wanted = {"SoldToParty": call.input["customer"], "PurchaseOrderByCustomer": _reference(call)}
        condition = " and ".join(f"{field} eq {literal(value)}" for field, value in wanted.items())
        try:
            found = self._orders.get("/A_SalesOrder", _deadline(call), filter=condition, expand="to_Item")
        except VendorError as error:
            raise NotApplied(f"the ERP does not tell: {error}") from error
        standing = [order for order in found["results"] if order["OverallSDDocumentRejectionSts"] != REJECTED]
        if not standing:
            return Probed(verdict=ProbeVerdict.ABSENT)
        if len(standing) > 1:
            return Probed(verdict=ProbeVerdict.SEVERAL, documents=[order["SalesOrder"] for order in standing])
        completed = self._completed(standing[0])
        return Probed(verdict=ProbeVerdict.APPLIED, output=completed.output, references=completed.references)

    def cancel_sales_order(self, call: Call) -> Completed:
        """Reject every item, and read back that the order is rejected as a whole."""
        deadline = _deadline(call)
        while time.monotonic() < deadline:
            order = self._read(call, deadline)
            if order["OverallSDDocumentRejectionSts"] == REJECTED:
                return self._completed(order)
            if order["OverallDeliveryStatus"] not in NOT_DELIVERED:
                raise Refused("COMPENSATION_NOT_POSSIBLE", "goods of this order are being delivered", _state(order))
            self._reject_items(order, deadline)
        raise Uncertain(f"sales order {call.input['number']} was not rejected as a whole in time")

    def read_sales_order(self, call: Call) -> Completed:
        """The order as it stands."""
        return self._completed(self._read(call, _deadline(call)))

    def _read(self, call: Call, deadline: float) -> dict[str, Any]:
        path = f"/A_SalesOrder({literal(call.input['number'])})"
        with self._refusals(missing=UNKNOWN_DOCUMENT):
            return self._orders.get(path, deadline, expand="to_Item")

    def _reject_items(self, order: dict[str, Any], deadline: float) -> None:
        """Reject what is open; stops where the order is not what was read any more, or may not be."""
        etag: str | None = order["__metadata"]["etag"]  # an item has its order's
        body = {"SalesDocumentRjcnReason": str(self._options["rejection_reason"])}
        for item in order["to_Item"]["results"]:
            if item["SalesDocumentRjcnReason"]:
                continue
            if etag is None:
                return
            key = f"SalesOrder={literal(order['SalesOrder'])},SalesOrderItem={literal(item['SalesOrderItem'])}"
            try:
                with self._refusals(missing=UNKNOWN_DOCUMENT):
                    etag = self._orders.change(f"/A_SalesOrderItem({key})", body, etag, deadline)
            except Changed:
                return

    def _completed(self, order: dict[str, Any]) -> Completed:
        receipt = self._mappings.apply("sales-order-receipt", order)
        return Completed(output=receipt, references={"salesOrder": order["SalesOrder"]})

    @contextmanager
    def _refusals(self, missing: str = "INVALID_INPUT") -> Iterator[None]:
        """Turn the ERP's own errors into what they mean; `missing` is what 404 means here."""
        try:
            yield
        except VendorError as error:
            meaning = self._meaning(error, missing)
            if meaning == RETRY:
                raise NotApplied(f"{error.code}: {error.message}", LOCKED_PAUSE) from error
            raise Refused(meaning, error.message, {"vendorCode": error.code}) from error

    def _meaning(self, error: VendorError, missing: str) -> str:
        known: str | None = self._mappings.table("refusals").get(error.code)
        if known:
            return known
        if error.status == HTTPStatus.NOT_FOUND:
            return missing
        return "INVALID_INPUT" if error.code.startswith(FRAMEWORK) else "REFUSED"


def _deadline(call: Call) -> float:
    return time.monotonic() + call.timeout


def _reference(call: Call) -> str:
    return f"HUB-{call.hub_key}"


def _state(order: dict[str, Any]) -> dict[str, str]:
    return {"number": order["SalesOrder"], "deliveryStatus": order["OverallDeliveryStatus"]}
