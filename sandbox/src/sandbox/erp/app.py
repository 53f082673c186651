"""The ERP's HTTP interface: authentication, CSRF, then the resource paths of the two services."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, request

from sandbox.erp.books import ErpBooks
from sandbox.erp.metadata import metadata_document
from sandbox.erp.odata import (
    INVALID_REQUEST,
    NOT_FOUND,
    Entity,
    ODataError,
    error_response,
    etag_of,
    json_response,
    parse_key,
)
from sandbox.erp.query import Query
from sandbox.erp.renderer import CREDIT, SALES, Renderer
from sandbox.erp.requests import checked, item_change, new_item, new_order
from sandbox.erp.schema import CREDIT_ACCOUNT, ITEM, ORDER, ORDER_NAVIGATION
from sandbox.erp.session import HEADER, Sessions
from sandbox.faults import Fault, FaultBook, Kind
from sandbox.gate import Gate

ROOT = "/sap/opu/odata/sap"
_KEY = r"\((?P<key>[^)]*)\)"
_ITEM_KEY = ("SalesOrder", "SalesOrderItem")
Handler = Callable[..., Response]


def create_app(books: ErpBooks, sessions: Sessions, faults: FaultBook) -> Flask:
    """The WSGI application of the ERP."""
    app = Flask("sandbox.erp")
    resources = _Resources(books, Gate("erp", faults, refusal))

    @app.before_request
    def authenticate() -> Response | None:
        if not sessions.is_authenticated(request):
            return Response("Unauthorized", 401, {"WWW-Authenticate": 'Basic realm="SAP NetWeaver Application Server"'})
        if request.method != "GET" and not sessions.has_token(request):
            return Response("CSRF token validation failed", 403, {HEADER: "Required"}, content_type="text/plain")
        return None

    @app.after_request
    def answer_fetch(response: Response) -> Response:
        if request.headers.get(HEADER, "").lower() == "fetch" and response.status_code < 400:
            sessions.issue(request, response)
        return response

    app.register_error_handler(ODataError, error_response)
    methods = ["GET", "POST", "PATCH", "DELETE", "PUT"]
    app.add_url_rule(f"{ROOT}/<service>/", "root", resources.dispatch, methods=methods, defaults={"path": ""})
    app.add_url_rule(f"{ROOT}/<service>", "bare_root", resources.dispatch, methods=methods, defaults={"path": ""})
    app.add_url_rule(f"{ROOT}/<service>/<path:path>", "resource", resources.dispatch, methods=methods)
    return app


def refusal(fault: Fault) -> Response:
    """An injected business refusal in OData's form."""
    defaults = {
        Kind.LOCK_RECORD: ("V1/042", "Sales document is currently being processed by user MUELLER"),
        Kind.CLOSE_PERIOD: ("F5/201", "Posting period is not open"),
    }
    code, message = defaults.get(fault.kind, ("V1/000", "The order was refused"))
    return error_response(ODataError(fault.code or code, fault.message or message, fault.status or 400))


class _Resources:
    """One method per resource and verb."""

    def __init__(self, books: ErpBooks, gate: Gate) -> None:
        self._books, self._gate = books, gate
        order, item = rf"A_SalesOrder{_KEY}", rf"A_SalesOrderItem{_KEY}"
        account = rf"CreditManagementAccount{_KEY}"
        routes: list[tuple[str, str, str, Handler]] = [
            (SALES, "GET", "", self.root),
            (SALES, "GET", r"\$metadata", self.metadata),
            (SALES, "GET", "A_SalesOrder", self.find_orders),
            (SALES, "POST", "A_SalesOrder", self.create_order),
            (SALES, "GET", order, self.read_order),
            (SALES, "PATCH", order, self.change_order),
            (SALES, "DELETE", order, self.delete_order),
            (SALES, "GET", rf"{order}/to_Item", self.read_items),
            (SALES, "POST", rf"{order}/to_Item", self.add_item),
            (SALES, "POST", "A_SalesOrderItem", self.add_any_item),
            (SALES, "GET", item, self.read_item),
            (SALES, "PATCH", item, self.change_item),
            (SALES, "DELETE", item, self.delete_item),
            (CREDIT, "GET", "", self.root),
            (CREDIT, "GET", "CreditManagementAccount", self.find_credit),
            (CREDIT, "GET", account, self.read_credit),
        ]
        self._routes = [(service, verb, re.compile(pattern), handler) for service, verb, pattern, handler in routes]

    def dispatch(self, service: str, path: str) -> Response:
        """Finds the resource; 404 for an unknown one, 405 for a verb that it does not know."""
        path, known = unquote(path).rstrip("/"), False
        for route_service, verb, pattern, handler in self._routes:
            match = pattern.fullmatch(path) if route_service == service else None
            if match and verb == request.method:
                return handler(**match.groupdict())
            known = known or match is not None
        if known:
            raise ODataError(INVALID_REQUEST, f"Method {request.method} is not allowed here", 405)
        raise ODataError(NOT_FOUND, f"Resource not found for segment '{path or service}'", 404)

    def root(self) -> Response:
        return self._gate.enter("erp.fetch-csrf-token") or json_response(
            {"d": {"EntitySets": ["A_SalesOrder", "A_SalesOrderItem"]}}
        )

    def metadata(self) -> Response:
        return Response(metadata_document(), content_type="application/xml;charset=utf-8")

    def find_orders(self) -> Response:
        query = Query(request.args, ORDER, ORDER_NAVIGATION)
        if answer := self._gate.enter("erp.find-sales-orders"):
            return answer
        found = self._books.find(query.conditions)
        count = {"__count": str(len(found))} if query.inline_count else {}
        expand = "to_Item" in query.expand
        results = [query.chosen(self._renderer().order(order, expand)) for order in query.page(found)]
        return json_response({"d": {**count, "results": results}})

    def create_order(self) -> Response:
        if answer := self._gate.enter("erp.create-sales-order"):
            return answer
        order = self._books.create(*new_order(_body()))
        return self._entity(self._renderer().order(order, expand=True), order, 201)

    def read_order(self, key: str) -> Response:
        (number,) = parse_key(key, ("SalesOrder",))
        query = Query(request.args, ORDER, ORDER_NAVIGATION)
        if answer := self._gate.enter("erp.read-sales-order", partial(self._describe, number)):
            return answer
        order = self._books.read(number)
        return self._entity(query.chosen(self._renderer().order(order, "to_Item" in query.expand)), order)

    def change_order(self, key: str) -> Response:
        (number,) = parse_key(key, ("SalesOrder",))
        changed_ms = self._if_match(number)
        if answer := self._gate.enter("erp.change-sales-order", partial(self._describe, number)):
            return answer
        self._books.change(number, changed_ms, checked(_body(), ORDER, "u"))
        return self._changed(number)

    def delete_order(self, key: str) -> Response:
        (number,) = parse_key(key, ("SalesOrder",))
        changed_ms = self._if_match(number)
        if answer := self._gate.enter("erp.delete-sales-order", partial(self._describe, number)):
            return answer
        self._books.delete(number, changed_ms)
        return Response(status=204)

    def read_items(self, key: str) -> Response:
        (number,) = parse_key(key, ("SalesOrder",))
        query = Query(request.args, ITEM)
        if answer := self._gate.enter("erp.read-sales-order", partial(self._describe, number)):
            return answer
        order = self._books.read(number)
        lines = query.page([line for line in order["to_Item"] if all(c.holds(line) for c in query.conditions)])
        return json_response({"d": {"results": [query.chosen(self._renderer().item(line, order)) for line in lines]}})

    def add_item(self, key: str) -> Response:
        (number,) = parse_key(key, ("SalesOrder",))
        return self._add_item(number, _body())

    def add_any_item(self) -> Response:
        body = _body()
        number = body.pop("SalesOrder", "") if isinstance(body, dict) else ""
        return self._add_item(str(number), body)

    def _add_item(self, number: str, body: Any) -> Response:
        if answer := self._gate.enter("erp.create-sales-order-item", partial(self._describe, number)):
            return answer
        order = self._books.add_item(number, new_item(body))
        return self._entity(self._renderer().item(order["to_Item"][-1], order), order, 201)

    def read_item(self, key: str) -> Response:
        number, item = parse_key(key, _ITEM_KEY)
        query = Query(request.args, ITEM)
        if answer := self._gate.enter("erp.read-sales-order", partial(self._describe, number)):
            return answer
        line, order = self._books.read_item(number, item)
        return self._entity(query.chosen(self._renderer().item(line, order)), order)

    def change_item(self, key: str) -> Response:
        number, item = parse_key(key, _ITEM_KEY)
        changed_ms = self._if_match(number)
        fields = item_change(_body())
        operation = (
            "erp.reject-sales-order-item" if fields.get("SalesDocumentRjcnReason") else "erp.change-sales-order-item"
        )
        if answer := self._gate.enter(operation, partial(self._describe, number)):
            return answer
        self._books.change_item(number, item, changed_ms, fields)
        return self._changed(number)

    def delete_item(self, key: str) -> Response:
        number, item = parse_key(key, _ITEM_KEY)
        changed_ms = self._if_match(number)
        if answer := self._gate.enter("erp.change-sales-order-item", partial(self._describe, number)):
            return answer
        self._books.delete_item(number, item, changed_ms)
        return Response(status=204)

    def find_credit(self) -> Response:
        query = Query(request.args, CREDIT_ACCOUNT)
        if answer := self._gate.enter("erp.read-credit"):
            return answer
        partners = [c.value for c in query.conditions if c.field == "BusinessPartner" and c.operator == "eq"]
        accounts = query.page(
            [account for account in self._accounts(partners) if all(c.holds(account) for c in query.conditions)]
        )
        return json_response(
            {"d": {"results": [query.chosen(self._renderer().credit(account)) for account in accounts]}}
        )

    def read_credit(self, key: str) -> Response:
        partner, segment = parse_key(key, ("BusinessPartner", "CreditSegment"))
        query = Query(request.args, CREDIT_ACCOUNT)
        if answer := self._gate.enter("erp.read-credit"):
            return answer
        account = self._books.credit(partner)
        if segment != account["CreditSegment"]:
            raise ODataError(NOT_FOUND, "Resource not found for segment 'CreditManagementAccountType'", 404)
        return json_response({"d": query.chosen(self._renderer().credit(account))})

    def _accounts(self, partners: list[str]) -> list[Entity]:
        if not partners:
            raise ODataError(INVALID_REQUEST, "Reading credit accounts without a business partner is not simulated")
        try:
            return [self._books.credit(partners[0])]
        except ODataError:
            return []

    def _renderer(self) -> Renderer:
        return Renderer(request.host_url.rstrip("/") + ROOT)

    def _describe(self, number: str) -> object:
        try:
            return self._books.read(number)
        except ODataError:
            return ""

    def _if_match(self, number: str) -> int | None:
        """The change moment that the client has seen; 428 without one, 412 with a stale one."""
        given = request.headers.get("If-Match")
        if not given:
            raise ODataError(
                "/IWBEP/CM_MGW_RT/055", "If-Match or If-None-Match header required (precondition required)", 428
            )
        changed_ms = self._books.read(number)["changed_ms"]
        if given == "*":
            return None
        if given != etag_of(changed_ms):
            raise ODataError("/IWBEP/CM_MGW_RT/054", "The resource was changed meanwhile (precondition failed)", 412)
        return int(changed_ms)

    def _entity(self, rendered: Entity, order: Entity, status: int = 200) -> Response:
        return json_response({"d": rendered}, status, etag_of(order["changed_ms"]))

    def _changed(self, number: str) -> Response:
        response = Response(status=204)
        response.headers["ETag"] = etag_of(self._books.read(number)["changed_ms"])
        return response


def _body() -> Any:
    if request.mimetype != "application/json":
        raise ODataError(INVALID_REQUEST, f"Content type '{request.content_type or ''}' is not supported", 415)
    body = request.get_json(silent=True)
    if body is None:
        raise ODataError(INVALID_REQUEST, "The request body is not valid JSON")
    return body
