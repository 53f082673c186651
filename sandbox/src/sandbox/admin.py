"""The admin API: faults, books, master data, and the hands of people in the simulated systems."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.crm.errors import SalesforceError
from sandbox.crm.schema import ACCOUNT, ORDER, PRODUCT, STATUS_CATEGORIES
from sandbox.crm.values import Record
from sandbox.effects import effects
from sandbox.erp.odata import ODataError
from sandbox.errors import BadRequest, UnknownDocument
from sandbox.faults import FaultBook, fault_from_json, fault_to_json
from sandbox.systems import Systems, quantity
from sandbox.wms import books as wms_books

PREFIX = "/_sandbox"


def create_app(
    systems: Systems, faults: FaultBook, revoke_tokens: Callable[[], None], revoke_sessions: Callable[[], None]
) -> Flask:
    """The WSGI application of the admin API."""
    app = Flask("sandbox.admin")
    hands = _Hands(systems)
    _add_errors(app)
    _add_faults(app, faults)

    def route(path: str, verb: str, view: Callable[..., tuple[Any, int]]) -> None:
        def answer(**values: str) -> tuple[Response, int]:
            body, status = view(**values)
            return jsonify(body), status

        app.add_url_rule(f"{PREFIX}/{path}", f"{verb} {path}", answer, methods=[verb])

    route("health", "GET", lambda: ({"status": "ok"}, 200))
    route("books", "GET", lambda: (systems.books(request.args.get("business_key")), 200))
    route("effects", "GET", lambda: (effects(systems.books(request.args.get("business_key"))), 200))
    route("seed", "POST", lambda: (systems.seed(_body()), 200))
    route("wms/stock/<material>", "PUT", hands.set_stock)
    route("wms/deliveries/<number>/goods-issue", "POST", hands.issue_goods)
    route("erp/sales-orders/<number>/delivery-status", "PUT", hands.set_delivery_status)
    route("crm/orders", "POST", hands.create_crm_order)
    route("crm/orders/<id_>", "PATCH", hands.change_crm_order)
    route("crm/revoke-tokens", "POST", lambda: _done(revoke_tokens))
    route("erp/revoke-sessions", "POST", lambda: _done(revoke_sessions))
    return app


def _done(act: Callable[[], None]) -> tuple[Any, int]:
    act()
    return {}, 200


def _add_faults(app: Flask, faults: FaultBook) -> None:
    def inject() -> tuple[Response, int]:
        fault = fault_from_json(_body())
        faults.add(fault)
        return jsonify(fault_to_json(fault)), 201

    def show() -> Response:
        return jsonify([fault_to_json(fault) for fault in faults.faults()])

    def clear() -> Response:
        return jsonify({"removed": faults.clear(request.args.get("system"))})

    def remove(fault_id: str) -> Response:
        if not faults.remove(fault_id):
            raise UnknownDocument(f"there is no fault {fault_id}")
        return jsonify({"removed": 1})

    app.add_url_rule(f"{PREFIX}/faults", view_func=inject, methods=["POST"])
    app.add_url_rule(f"{PREFIX}/faults", view_func=show, methods=["GET"])
    app.add_url_rule(f"{PREFIX}/faults", view_func=clear, methods=["DELETE"])
    app.add_url_rule(f"{PREFIX}/faults/<fault_id>", view_func=remove, methods=["DELETE"])


def _add_errors(app: Flask) -> None:
    @app.errorhandler(BadRequest)
    def bad_request(error: BadRequest) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 404 if isinstance(error, UnknownDocument) else 400

    @app.errorhandler(ODataError)
    @app.errorhandler(SalesforceError)
    def refused(error: ODataError | SalesforceError) -> tuple[Response, int]:
        return jsonify({"error": error.message, "code": error.code}), error.status

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> tuple[Response, int]:
        return jsonify({"error": error.description}), error.code or 500


class _Hands:
    """What people do in the systems."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems

    def set_stock(self, material: str) -> tuple[Any, int]:
        on_hand = quantity(_body().get("on_hand"), "on_hand")
        with self._systems.wms.writing() as connection:
            wms_books.set_stock(connection, material, on_hand)
        return {"material": material, "on_hand": on_hand}, 200

    def issue_goods(self, number: str) -> tuple[Any, int]:
        with self._systems.wms.writing() as connection:
            wms_books.issue_goods(connection, number)
        return {"delivery": number, "state": "issued"}, 200

    def set_delivery_status(self, number: str) -> tuple[Any, int]:
        status = _body().get("status")
        if status not in ("A", "B", "C"):
            raise BadRequest("status must be A, B or C")
        self._systems.erp.set_delivery_status(number, status)
        return {"sales_order": number, "delivery_status": status}, 200

    def create_crm_order(self) -> tuple[Any, int]:
        body = _body()
        items = body.get("items", [])
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise BadRequest("items must be a list of objects")
        lines = [self._line(item) for item in items]
        order = self._systems.crm.create_order_with_items(self._header(body), lines, _status(body, "Confirmed"))
        return {name: order[name] for name in ("Id", "OrderNumber", "Status", "PoNumber", "TotalAmount")}, 201

    def change_crm_order(self, id_: str) -> tuple[Any, int]:
        self._systems.crm.update(ORDER, id_, {"Status": _status(_body(), "Confirmed")})
        return {}, 200

    def _header(self, body: Mapping[str, Any]) -> Record:
        account = self._systems.crm.id_of(ACCOUNT, str(body.get("customer", "")))
        if account is None:
            raise BadRequest(f"customer {body.get('customer')} is unknown")
        header = {
            "AccountId": account,
            "EffectiveDate": datetime.now(UTC).date().isoformat(),
            "Requested_Delivery_Date__c": body.get("requested_delivery_date"),
            "PoNumber": body.get("po_number"),
            "OrderNumber": body.get("order_number"),
            "CurrencyIsoCode": body.get("currency", "EUR"),
            "ShippingCity": body.get("city", "Walldorf"),
            "ShippingCountry": body.get("country", "DE"),
        }
        for name, value in header.items():
            if value is not None and not isinstance(value, str):
                raise BadRequest(f"{name} must be text")
        return {name: value for name, value in header.items() if value is not None}

    def _line(self, item: Mapping[str, Any]) -> Record:
        product = self._systems.crm.id_of(PRODUCT, str(item.get("material", "")))
        if product is None:
            raise BadRequest(f"material {item.get('material')} is unknown")
        price = quantity(item.get("price", 10.0), "price")
        return {"Product2Id": product, "Quantity": quantity(item.get("quantity"), "quantity"), "UnitPrice": price}


def _status(body: Mapping[str, Any], default: str) -> str:
    status = body.get("status", default)
    if status not in STATUS_CATEGORIES:
        raise BadRequest(f"status must be one of {', '.join(STATUS_CATEGORIES)}")
    return str(status)


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body
