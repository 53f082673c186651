"""The CRM's HTTP interface."""

import itertools
import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from flask import Flask, Response, request

from sandbox.clock import milliseconds
from sandbox.crm.books import CrmBooks
from sandbox.crm.errors import SalesforceError, error_response
from sandbox.crm.oauth import Tokens
from sandbox.crm.schema import EXTERNAL_ID, ORDER, ORDER_ITEM, SOBJECTS, SObject
from sandbox.crm.search import Cursors, Page, Search
from sandbox.crm.soql import Query, checked_path, parse
from sandbox.crm.values import Record, checked, render, require
from sandbox.faults import Call, Fault, FaultBook, Kind
from sandbox.gate import Gate

VERSION = "v62.0"
BASE = f"/services/data/{VERSION}"
DAILY_LIMIT = 100_000
_NAMES = {"Order": "order", "OrderItem": "order-item", "Account": "account", "Product2": "product2"}


def create_app(books: CrmBooks, tokens: Tokens, faults: FaultBook, page_size: int) -> Flask:
    """The WSGI application of the CRM."""
    app = Flask("sandbox.crm")
    resources = _Resources(books, tokens, faults, page_size)
    usage = itertools.count(1)

    @app.before_request
    def authenticate() -> Response | None:
        if request.path.startswith(f"{BASE}/") and not tokens.is_valid(request):
            return error_response(SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", 401))
        return None

    @app.after_request
    def add_usage(response: Response) -> Response:
        if request.path.startswith(f"{BASE}/") and response.status_code != 401:
            response.headers["Sforce-Limit-Info"] = f"api-usage={next(usage)}/{DAILY_LIMIT}"
        return response

    @app.errorhandler(404)
    def unknown(_error: Exception) -> Response:
        return error_response(SalesforceError("NOT_FOUND", "The requested resource does not exist", 404))

    @app.errorhandler(405)
    def wrong_method(_error: Exception) -> Response:
        message = f"HTTP Method '{request.method}' not allowed."
        return error_response(SalesforceError("METHOD_NOT_ALLOWED", message, 405))

    app.register_error_handler(SalesforceError, error_response)
    _add_routes(app, resources)
    return app


def _add_routes(app: Flask, resources: "_Resources") -> None:
    def route(path: str, verb: str, view: Callable[..., Response]) -> None:
        app.add_url_rule(path, f"{verb} {path}", view, methods=[verb])

    record, by_key = f"{BASE}/sobjects/<type_>/<id_>", f"{BASE}/sobjects/<type_>/{EXTERNAL_ID}/<key>"
    route("/services/oauth2/token", "POST", resources.token)
    route("/services/data", "GET", resources.versions)
    route("/services/data/", "GET", resources.versions)
    route(f"{BASE}/sobjects/<type_>", "POST", resources.create)
    route(f"{BASE}/sobjects/<type_>/", "POST", resources.create)
    route(record, "GET", resources.read)
    route(record, "PATCH", resources.update)
    route(record, "DELETE", resources.delete)
    route(by_key, "GET", resources.read_by_key)
    route(by_key, "PATCH", resources.upsert)
    route(f"{BASE}/query", "GET", resources.query)
    route(f"{BASE}/query/", "GET", resources.query)
    route(f"{BASE}/query/<locator>", "GET", resources.query_more)


def refusal(fault: Fault) -> Response:
    """An injected business refusal in Salesforce's form."""
    defaults = {
        Kind.LOCK_RECORD: ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
        Kind.CLOSE_PERIOD: ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "The period is closed"),
    }
    code, message = defaults.get(fault.kind, ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "The change was refused"))
    return error_response(SalesforceError(fault.code or code, fault.message or message, fault.status or 400, ()))


class _Resources:
    """One method per resource and verb."""

    def __init__(self, books: CrmBooks, tokens: Tokens, faults: FaultBook, page_size: int) -> None:
        self._books, self._tokens, self._faults, self._page_size = books, tokens, faults, page_size
        self._gate = Gate("crm", faults, refusal)
        self._cursors = Cursors()

    def token(self) -> Response:
        if answer := self._gate.enter("crm.token"):
            return answer
        return _json(*self._tokens.grant(request, request.host_url.rstrip("/")))

    def versions(self) -> Response:
        return _json([{"label": "Winter '25", "url": BASE, "version": VERSION[1:]}])

    def create(self, type_: str) -> Response:
        sobject = _sobject(type_)
        if answer := self._gate.enter(f"crm.create-{_NAMES[type_]}"):
            return answer
        fields = checked(sobject, _body(), "c")
        self._refuse_master_data(sobject)
        require(sobject, fields)
        return _json({"id": self._books.create(sobject, fields), "success": True, "errors": []}, 201)

    def read(self, type_: str, id_: str) -> Response:
        sobject = _sobject(type_)
        read = partial(self._books.read, sobject, id_)
        if answer := self._gate.enter(f"crm.read-{_NAMES[type_]}", partial(_described, read)):
            return answer
        return _json(self._chosen(sobject, read()))

    def read_by_key(self, type_: str, key: str) -> Response:
        read = partial(self._books.read_by_key, key)
        self._only_orders(type_)
        if answer := self._gate.enter("crm.read-order", partial(_described, read)):
            return answer
        return _json(self._chosen(ORDER, read()))

    def upsert(self, type_: str, key: str) -> Response:
        self._only_orders(type_)
        if answer := self._gate.enter("crm.upsert-order", partial(_described, partial(self._books.read_by_key, key))):
            return answer
        body = _body()
        if isinstance(body, dict) and EXTERNAL_ID in body:
            message = f"The {EXTERNAL_ID} field should not be specified in the sobject data."
            raise SalesforceError("INVALID_FIELD", message, fields=(EXTERNAL_ID,))
        fields = checked(ORDER, body, "u")
        id_, created = self._books.upsert_order(key, fields, partial(require, ORDER))
        return _json({"id": id_, "success": True, "errors": [], "created": created}, 201 if created else 200)

    def update(self, type_: str, id_: str) -> Response:
        sobject, body = _sobject(type_), _body()
        changes_status = sobject is ORDER and isinstance(body, dict) and "Status" in body
        operation = "crm.update-status" if changes_status else f"crm.update-{_NAMES[type_]}"
        if answer := self._gate.enter(operation, partial(_described, partial(self._books.read, sobject, id_))):
            return answer
        fields = checked(sobject, body, "u")
        self._refuse_master_data(sobject)
        self._books.update(sobject, id_, fields, _unmodified_since())
        return Response(status=204)

    def delete(self, type_: str, id_: str) -> Response:
        sobject = _sobject(type_)
        read = partial(self._books.read, sobject, id_)
        if answer := self._gate.enter(f"crm.delete-{_NAMES[type_]}", partial(_described, read)):
            return answer
        self._refuse_master_data(sobject)
        self._books.delete(sobject, id_)
        return Response(status=204)

    def query(self) -> Response:
        query = parse(request.args.get("q", ""))
        if answer := self._gate.enter("crm.query"):
            return answer
        records = Search(self._books, BASE).run(query)
        self._repeat_events(query, records)
        return self._page(self._cursors.first_page(records, self._batch_size()))

    def query_more(self, locator: str) -> Response:
        return self._gate.enter("crm.query-more") or self._page(self._cursors.page(locator))

    def _page(self, page: Page) -> Response:
        more = {"nextRecordsUrl": f"{BASE}/query/{page.next}"} if page.next else {}
        return _json({"totalSize": page.total, "done": page.next is None, **more, "records": page.records})

    def _batch_size(self) -> int:
        options = request.headers.get("Sforce-Query-Options", "")
        name, _, value = options.partition("=")
        wanted = int(value) if name.strip() == "batchSize" and value.strip().isdigit() else self._page_size
        return max(1, min(wanted, self._page_size))

    def _repeat_events(self, query: Query, records: list[Record]) -> None:
        if query.sobject is not ORDER or not self._faults.is_armed("crm"):
            return
        for record in records:
            order_id = record["attributes"]["url"].rpartition("/")[2]
            text = json.dumps([record, self._books.read(ORDER, order_id)])
            if self._faults.repeats_event(Call("crm", "crm.query", text)):
                self._books.touch(order_id)

    def _chosen(self, sobject: SObject, record: Record) -> Record:
        names = [name.strip() for name in request.args.get("fields", "").split(",") if name.strip()]
        names = [checked_path(sobject, name) for name in names] or list(sobject.fields)
        chosen = {name: render(sobject, name, record[name]) for name in names}
        return {"attributes": Search(self._books, BASE).attributes(sobject, record["Id"]), **chosen}

    def _only_orders(self, type_: str) -> None:
        if _sobject(type_) is not ORDER:
            raise SalesforceError("NOT_FOUND", "Provided external ID field does not exist or is not accessible", 404)

    def _refuse_master_data(self, sobject: SObject) -> None:
        if sobject not in (ORDER, ORDER_ITEM):
            raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"{sobject.name} is master data here", 400)


def _sobject(name: str) -> SObject:
    if name not in SOBJECTS:
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", 404)
    return SOBJECTS[name]


def _described(read: Callable[[], Record]) -> object:
    try:
        return read()
    except SalesforceError:
        return ""


def _unmodified_since() -> int | None:
    header = request.headers.get("If-Unmodified-Since")
    if header is None:
        return None
    try:
        return milliseconds(parsedate_to_datetime(header))
    except ValueError:
        raise SalesforceError("INVALID_HEADER", f"Invalid date in If-Unmodified-Since: {header}") from None


def _body() -> Any:
    if request.mimetype != "application/json":
        raise SalesforceError("UNSUPPORTED_MEDIA_TYPE", f"Content type {request.mimetype} is not supported", 415)
    body = request.get_json(silent=True)
    if body is None:
        raise SalesforceError("JSON_PARSER_ERROR", "The HTTP entity body is not valid JSON")
    return body


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json;charset=UTF-8")
