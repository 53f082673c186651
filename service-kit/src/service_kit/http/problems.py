"""How a request fails: RFC 9457 problem details, and the one table from exceptions to HTTP answers."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service_kit.broker import BrokerUnavailable
from service_kit.errors import KitError

MEDIA_TYPE = "application/problem+json"


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field, by its dotted path (`lines.0.quantity`), or a parameter's or header's name."""

    field: str
    message: str


class Problem(KitError):
    """The request failed.

    `code` is a stable word for programs, `more` are further members of the answer, `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.errors = list(errors)
        self.retry_after = retry_after
        self.more = dict(more or {})


class BadRequest(Problem):
    """The request does not keep to the contract."""


class Unauthenticated(Problem):
    """Nobody can tell who is calling: send a valid key."""


class Forbidden(Problem):
    """The caller's roles do not allow this."""


class NotFound(Problem):
    """There is no such thing."""


class Conflict(Problem):
    """Not in this state."""


class TooLarge(Problem):
    """The request's body is larger than this service takes."""


class UnsupportedMediaType(Problem):
    """The body's content type is not one that this operation reads."""


class Unprocessable(Problem):
    """Well formed, but it cannot be done."""


class TooManyRequests(Problem):
    """Too many requests: wait before the next."""


class Unavailable(Problem):
    """Something that this needs is away; try again later."""


class Relayed(Problem):
    """Another service's refusal, passed on with its own status."""

    def __init__(self, status: int, message: str, **told: Any) -> None:
        super().__init__(message, **told)
        self.status = status


def field_problem(field: str, message: str) -> BadRequest:
    """A 400 that names one field."""
    return BadRequest(f"{field}: {message}", errors=[FieldError(field, message)])


# The table. Classes are looked up along the exception's bases; a service adds its own (`create_app(problems=...)`).
STATUS: Mapping[type[Exception], int] = {
    BadRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    Unprocessable: 422,
    TooManyRequests: 429,
    Unavailable: 503,
    BrokerUnavailable: 503,
    OperationalError: 503,
    InterfaceError: 503,
    NoConnection: 503,
}

RETRY_AFTER = 5.0
AWAY = "The database or the broker is away; nothing that was accepted is lost."
UNEXPECTED = "Something went wrong that should not have. The request id finds it in the log."


def status_of(error: BaseException, own: Mapping[type[Exception], int]) -> int:
    """The HTTP status that `error` is answered with."""
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, Relayed):
        return error.status
    for cls in type(error).__mro__:
        if cls in own:
            return own[cls]
        if cls in STATUS:
            return STATUS[cls]
    return 500


def to_response(error: BaseException, own: Mapping[type[Exception], int], request_id: str) -> Response:
    """The problem+json answer to `error`. Of an error that the table does not know, nothing is told."""
    status = status_of(error, own)
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail := _detail(error, status):
        body["detail"] = detail
    if isinstance(error, Problem):
        body |= error.more
        body |= {"code": error.code} if error.code else {}
        body |= {"errors": error.errors} if error.errors else {}
    elif isinstance(code := getattr(error, "code", None), str):
        body["code"] = code
    body["request_id"] = request_id
    headers = _headers(error, status)
    if "Retry-After" in headers:
        body["retryAfter"] = int(headers["Retry-After"])
    return Response(msgspec.json.encode(body), status, headers, MEDIA_TYPE)


def _detail(error: BaseException, status: int) -> str:
    if isinstance(error, HTTPException):
        return str(error.detail or "")
    if status == 503 and not isinstance(error, Problem):
        return AWAY  # what drivers say names hosts
    return UNEXPECTED if status == 500 else str(error)


def _headers(error: BaseException, status: int) -> dict[str, str]:
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    retry_after = getattr(error, "retry_after", None)
    if retry_after is None and status == 503:
        retry_after = RETRY_AFTER
    if isinstance(retry_after, int | float):
        headers["Retry-After"] = str(max(1, round(retry_after)))
    return headers
