"""OData v2 on the wire: values in and out, keys, `$filter`, envelopes and error bodies."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from flask import Response

from sandbox.clock import milliseconds, moment, now_ms
from sandbox.erp.schema import Edm, Property

Entity = dict[str, Any]

INVALID_PROPERTY = "/IWCOR/CX_DS_EP_PROPERTY_ERROR/005056A509B11EE1B9A8FEC11C21578E"
INVALID_VALUE = "/IWCOR/CX_DS_EDM_FACADE_ERROR/005056A509B11EE1B9A8FEC23F60F6F5"
INVALID_REQUEST = "/IWBEP/CM_MGW_RT/021"
NOT_FOUND = "/IWBEP/CM_MGW_RT/020"


class ODataError(Exception):
    """A request that is refused, with what the error body says."""

    def __init__(self, code: str, message: str, status: int = 400, target: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.target = code, message, status, target


def error_response(error: ODataError) -> Response:
    """The error body; the interesting message is in `innererror.errordetails` as well."""
    detail = {
        "code": error.code,
        "message": error.message,
        "propertyref": "",
        "severity": "error",
        "target": error.target,
    }
    inner = {
        "application": {"component_id": "SD-SLS-API", "service_namespace": "/SAP/", "service_version": "0001"},
        "transactionid": uuid4().hex.upper(),
        "timestamp": f"{moment(now_ms()):%Y%m%d%H%M%S}.0000000",
        "errordetails": [detail],
    }
    message = {"lang": "en", "value": error.message}
    return json_response({"error": {"code": error.code, "message": message, "innererror": inner}}, error.status)


def json_response(body: Mapping[str, Any], status: int = 200, etag: str | None = None) -> Response:
    """A JSON answer of the service."""
    response = Response(
        json.dumps(body, ensure_ascii=False), status=status, content_type="application/json;charset=utf-8"
    )
    response.headers["DataServiceVersion"] = "2.0"
    if etag:
        response.headers["ETag"] = etag
    return response


def check_value(name: str, property_: Property, value: Any) -> Any:
    """A value of a request as the books keep it (texts, decimal texts, milliseconds); raises `ODataError`."""
    if value is None:
        return None if property_.type is Edm.DATE else ""
    if not isinstance(value, str):
        raise ODataError(INVALID_VALUE, f"Failed to read property '{name}': a string is expected", target=name)
    if property_.type is Edm.DECIMAL:
        return _decimal(name, value)
    if property_.type is Edm.DATE:
        return _date(name, value)
    if len(value) > property_.max_length:
        raise ODataError(
            INVALID_VALUE, f"Property '{name}' has a maximum length of {property_.max_length}", target=name
        )
    return value


def _decimal(name: str, value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ODataError(INVALID_VALUE, f"Property '{name}' has the invalid value '{value}'", target=name) from None
    exponent = number.as_tuple().exponent
    if not number.is_finite() or not isinstance(exponent, int) or exponent < -3 or abs(number) >= 10**12:
        raise ODataError(INVALID_VALUE, f"Property '{name}' has the invalid value '{value}'", target=name)
    return plain(number)


def _date(name: str, value: str) -> int:
    match = re.fullmatch(r"/Date\((-?\d+)\)/", value)
    if not match:
        raise ODataError(INVALID_VALUE, f"Property '{name}' has the invalid value '{value}'", target=name)
    ms = int(match[1])
    return ms - ms % 86_400_000  # dates without time in this service


def plain(number: Decimal) -> str:
    """`5.000` as `5`, never in scientific notation."""
    return f"{number.normalize():f}"


def render(property_: Property, value: Any) -> Any:
    """A value of the books as the service writes it."""
    if property_.type is Edm.DATE:
        return None if value is None else f"/Date({value})/"
    if property_.type is Edm.OFFSET:
        return None if value is None else f"/Date({value}+0000)/"
    return value


def etag_of(changed_ms: int) -> str:
    """The weak ETag of a change moment."""
    return f"W/\"datetimeoffset'{moment(changed_ms):%Y-%m-%dT%H%%3A%M%%3A%S}.{changed_ms % 1000:03d}0000Z'\""


def parse_key(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The values in `'4711'` or `SalesOrder='4711',SalesOrderItem='10'`, in the order of `names`."""
    if len(names) == 1 and (single := re.fullmatch(r"'((?:[^']|'')*)'", text)):
        return (single[1].replace("''", "'"),)
    pairs = dict(re.findall(r"(\w+)='((?:[^']|'')*)'", text))
    if set(pairs) != set(names):
        raise ODataError(INVALID_REQUEST, f"Invalid key predicate '({text})'")
    return tuple(pairs[name].replace("''", "'") for name in names)


@dataclass(frozen=True)
class Condition:
    """`field operator value`, the value as the books keep it."""

    field: str
    operator: str
    value: Any

    def holds(self, entity: Mapping[str, Any]) -> bool:
        """Whether a raw entity of the books meets the condition."""
        actual, wanted = entity.get(self.field), self.value
        if isinstance(wanted, str):
            actual = actual or ""
        elif isinstance(wanted, Decimal):
            actual = Decimal(actual or 0)
        if actual is None or wanted is None:
            return (actual == wanted) if self.operator == "eq" else (actual != wanted) and self.operator == "ne"
        outcomes = {"eq": actual == wanted, "ne": actual != wanted}
        return outcomes[self.operator] if self.operator in outcomes else _ordered(self.operator, actual, wanted)


def _ordered(operator: str, actual: Any, wanted: Any) -> bool:
    return bool(
        {"gt": actual > wanted, "ge": actual >= wanted, "lt": actual < wanted, "le": actual <= wanted}[operator],
    )


_CONDITION = re.compile(
    r"\s*\(?\s*(?P<field>\w+)\s+(?P<op>eq|ne|gt|ge|lt|le)\s+"
    r"(?P<literal>(?:datetimeoffset|datetime)?'(?:[^']|'')*'|null|true|false|-?[\d.]+[mMdDlL]?)\s*\)?\s*"
)


def parse_filter(text: str, properties: Mapping[str, Property]) -> list[Condition]:
    """The conditions of a `$filter`, all of which must hold (`or` and functions are not simulated: 400)."""
    conditions, position = [], 0
    while True:
        match = _CONDITION.match(text, position)
        if not match:
            raise ODataError(INVALID_REQUEST, f"Invalid filter expression at position {position}: '{text}'")
        conditions.append(_condition(match, properties))
        position = match.end()
        if position == len(text):
            return conditions
        if not text.startswith("and ", position):
            raise ODataError(INVALID_REQUEST, f"Invalid filter expression at position {position}: '{text}'")
        position += len("and ")


def _condition(match: re.Match[str], properties: Mapping[str, Property]) -> Condition:
    name, literal = match["field"], match["literal"]
    if name not in properties:
        raise ODataError(INVALID_PROPERTY, f"Property '{name}' is invalid", target=name)
    return Condition(name, match["op"], _literal(name, properties[name].type, literal))


def _literal(name: str, edm: Edm, literal: str) -> Any:
    try:
        if literal == "null":
            return None
        if edm is Edm.DECIMAL:
            return Decimal(literal.rstrip("mMdDlL").strip("'"))
        if edm is Edm.BOOLEAN:
            return {"true": True, "false": False}[literal]
        prefix = {Edm.DATE: "datetime'", Edm.OFFSET: "datetimeoffset'", Edm.STRING: "'"}[edm]
        if not literal.startswith(prefix):
            raise ValueError(literal)
        text = literal[len(prefix) : -1].replace("''", "'")
        return text if edm is Edm.STRING else milliseconds(datetime.fromisoformat(text))
    except (ValueError, KeyError, InvalidOperation):
        raise ODataError(INVALID_REQUEST, f"Invalid literal {literal} for property '{name}'", target=name) from None
