"""Salesforce's REST API: client-credentials token, records, SOQL with paging, error bodies.

Built to the published contract, not run against a live tenant.
"""

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from requests import Response

from service_kit.connector.http import SystemSession, Token, Tokens, read_json
from service_kit.connector.outcomes import NotApplied, Uncertain
from service_kit.connector.systems import System

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path, not a secret
TOKEN_TIMEOUT = 10.0
CREDENTIALS_PAUSE = 60.0


class VendorError(Exception):
    """An answer with a 4xx status: nothing was applied."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class SalesforceApi:
    """One org. Thread-safe. A `deadline` is of the monotonic clock; errors are `VendorError`."""

    def __init__(self, system: System) -> None:
        self._credentials = system.credentials
        self._login = SystemSession(system)
        self._http = SystemSession(system, tokens=Tokens(self._new_token))
        self._root = f"/services/data/{system.options.get('version', 'v62.0')}"

    def close(self) -> None:
        """Release the connections."""
        self._login.close()
        self._http.close()

    def get(self, path: str, deadline: float, **params: str) -> dict[str, Any]:
        """One record, or the answer to a query."""
        answer = read_json(self._send("GET", self._root + path, deadline, params=params))
        if not isinstance(answer, dict):
            raise Uncertain(f"{path}: the CRM did not answer with an object")
        return answer

    def query(self, soql: str, deadline: float) -> Iterator[dict[str, Any]]:
        """All records, page by page."""
        page = self.get("/query", deadline, q=soql)
        yield from page["records"]
        while not page["done"]:
            page = read_json(self._send("GET", page["nextRecordsUrl"], deadline))
            yield from page["records"]

    def change(self, path: str, fields: Mapping[str, Any], unmodified_since: str, deadline: float) -> None:
        """PATCH a record that was not modified since then (an HTTP date)."""
        headers = {"If-Unmodified-Since": unmodified_since}
        self._send("PATCH", self._root + path, deadline, headers=headers, json=dict(fields))

    def _send(self, method: str, path: str, deadline: float, **arguments: Any) -> Response:
        response = self._http.request(method, path, timeout=deadline - time.monotonic(), **arguments)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _refusal(response)
        return response

    def _new_token(self) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials["client_id"],
            "client_secret": self._credentials["client_secret"],
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            response = self._login.request(
                "POST", TOKEN_PATH, timeout=TOKEN_TIMEOUT, headers=headers, data=urlencode(form)
            )
            if response.status_code != HTTPStatus.OK:
                raise NotApplied(f"the CRM gives no token: HTTP {response.status_code}", CREDENTIALS_PAUSE)
            return Token({"Authorization": f"Bearer {read_json(response)['access_token']}"})
        except (Uncertain, KeyError, TypeError) as error:
            raise NotApplied(f"the CRM gives no token: {error}") from error


def _refusal(response: Response) -> Exception:
    code, message = _error(response)
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        return NotApplied(f"the CRM does not let us in: {code}", CREDENTIALS_PAUSE)
    return VendorError(response.status_code, code, message)


def _error(response: Response) -> tuple[str, str]:
    """Code and text of an error body, which is an array."""
    try:
        first = response.json()[0]
        return str(first["errorCode"]), str(first["message"])
    except (ValueError, KeyError, TypeError, IndexError):
        return "", response.text[:200]
