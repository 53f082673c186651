"""OData v2 as SAP Gateway speaks it: envelope, literals, CSRF tokens, ETags and error bodies.

Built to the published contract, not run against a live tenant.
"""

import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from requests import Response

from service_kit.connector.http import SystemSession
from service_kit.connector.outcomes import NotApplied, Uncertain

CSRF = "x-csrf-token"
CREDENTIALS_PAUSE = 60.0  # a wrong password that is tried again at once locks the SAP user


class Token(msgspec.Struct, frozen=True):
    """A CSRF token and the cookies of the session that it belongs to: neither works without the other."""

    value: str
    cookies: dict[str, str]

    def __repr__(self) -> str:
        return "Token(...)"


class VendorError(Exception):
    """An answer with a 4xx status: nothing was applied."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class Changed(Exception):
    """412: the entity is not what it was when it was read."""


class ODataService:
    """One OData v2 service. Thread-safe: the token is fetched by one thread and used by all.

    A `deadline` is of the monotonic clock, for everything that one call sends.
    """

    def __init__(self, http: SystemSession, root: str, params: Mapping[str, str]) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._params = dict(params)
        self._token: Token | None = None
        self._fetching = threading.Lock()

    def get(self, path: str, deadline: float, **query: str) -> dict[str, Any]:
        """One entity, or `{"results": [...]}`. Raises `VendorError`."""
        response = self._send("GET", path, deadline, params={f"${name}": value for name, value in query.items()})
        try:
            return _entity(response)
        except ValueError as error:
            raise NotApplied(f"{path}: the answer is not OData: {error}") from error

    def create(self, path: str, body: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """POST; what was created. Raises `VendorError`."""
        response = self._write("POST", path, body, deadline, {})
        try:
            return _entity(response)
        except ValueError as error:
            raise Uncertain(f"POST {path}: {response.status_code}, but the answer is not OData: {error}") from error

    def change(self, path: str, body: Mapping[str, Any], etag: str, deadline: float) -> str | None:
        """PATCH what has this ETag; the new one, where the answer says it.

        Raises `Changed` where it has another ETag already, `VendorError`.
        """
        try:
            return self._write("PATCH", path, body, deadline, {"If-Match": etag}).headers.get("ETag")
        except VendorError as error:
            if error.status == HTTPStatus.PRECONDITION_FAILED:
                raise Changed(path) from error
            raise

    def _write(
        self, method: str, path: str, body: Mapping[str, Any], deadline: float, headers: Mapping[str, str]
    ) -> Response:
        token = self._token or self._fetch_token(None, deadline)
        try:
            return self._send(method, path, deadline, headers=headers, json=body, token=token)
        except _TokenRequired:
            token = self._fetch_token(token, deadline)  # the write was not executed: sending it again is safe
        try:
            return self._send(method, path, deadline, headers=headers, json=body, token=token)
        except _TokenRequired as error:
            raise NotApplied("the ERP refuses a CSRF token that it has just given") from error

    def _fetch_token(self, stale: Token | None, deadline: float) -> Token:
        with self._fetching:
            if self._token is None or self._token is stale:
                self._token = self._new_token(deadline)
            return self._token

    def _new_token(self, deadline: float) -> Token:
        try:
            response = self._send("GET", "/", deadline, headers={CSRF: "Fetch"})
        except (Uncertain, VendorError) as error:
            raise NotApplied(f"no CSRF token: {error}") from error
        return Token(response.headers.get(CSRF, ""), dict(response.cookies))

    def _send(
        self,
        method: str,
        path: str,
        deadline: float,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        token: Token | None = None,
    ) -> Response:
        response = self._http.request(
            method,
            self._root + path,
            timeout=deadline - time.monotonic(),
            params={**self._params, **(params or {})},
            headers={"Accept": "application/json", **(headers or {}), **({CSRF: token.value} if token else {})},
            cookies=token.cookies if token else None,
            json=json,
        )
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _refusal(response)
        return response


class _TokenRequired(Exception):
    """403 with `x-csrf-token: Required`."""


def literal(value: str) -> str:
    """A string as an OData literal."""
    return "'" + value.replace("'", "''") + "'"


def _entity(response: Response) -> dict[str, Any]:
    """The `d` of an answer. Raises `ValueError`."""
    body = response.json()
    entity = body.get("d") if isinstance(body, dict) else None
    if not isinstance(entity, dict):
        raise ValueError("no object under d")
    return entity


def _refusal(response: Response) -> Exception:
    if response.status_code == HTTPStatus.FORBIDDEN and response.headers.get(CSRF, "").lower() == "required":
        return _TokenRequired()
    code, message = _error(response)
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NotApplied(f"the ERP does not let us in: {response.status_code} {message}", CREDENTIALS_PAUSE)
    return VendorError(response.status_code, code, message)


def _error(response: Response) -> tuple[str, str]:
    """Code and text of an error body: the first detail of severity error, else the error itself."""
    try:
        error = response.json()["error"]
        details = error.get("innererror", {}).get("errordetails", [])
        detail = next((one for one in details if one.get("severity") == "error"), None)
        if detail:
            return str(detail["code"]), str(detail["message"])
        return str(error["code"]), str(error["message"]["value"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", response.text[:200]
