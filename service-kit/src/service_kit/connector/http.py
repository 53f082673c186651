"""HTTP to a business system: one session per system, and transport faults told apart by what they prove.

    certainly not applied (`NotApplied`)   no connection, no name, no TLS, 429, statuses that the adapter declares
    may be applied (`Uncertain`)           timeout after sending, connection reset, redirects, 408, 5xx, unreadable 2xx

Other 4xx answers are the adapter's business. Requests go to the configured system's host only.
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
from opentelemetry.trace import SpanKind
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from service_kit import tracing
from service_kit.connector.outcomes import NotApplied, Uncertain
from service_kit.connector.sending import before_sending
from service_kit.connector.systems import System

CONNECT_TIMEOUT = 5.0
MAX_ANSWER = 32 * 1024 * 1024


class Token(msgspec.Struct, frozen=True):
    """What authorises requests: headers, for `lasts` seconds (None: until the system refuses it)."""

    headers: dict[str, str]
    lasts: float | None = None

    def __repr__(self) -> str:
        return "Token(...)"


class Tokens:
    """Keeps one token for all threads; only one of them fetches a new one while the others wait."""

    def __init__(self, fetch: Callable[[], Token], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._until = 0.0

    def get(self, refused: Token | None = None) -> Token:
        """The token; a new one if there is none, its time is over, or it is the one that the system `refused`."""
        with self._lock:
            if self._token is None or self._token is refused or self._clock() >= self._until:
                self._token = self._fetch()
                lasts = self._token.lasts
                self._until = self._clock() + (max(lasts * 0.9, lasts - 30) if lasts is not None else float("inf"))
            return self._token


class SystemSession:
    """Requests to one system. Thread-safe.

    `unavailable` are statuses besides 429 by which this system says that it certainly did nothing (503 where that is
    known). `tokens` authorise every request; a 401 fetches a new token once and sends again.
    """

    def __init__(
        self,
        system: System,
        *,
        unavailable: frozenset[int] = frozenset(),
        tokens: Tokens | None = None,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        keep_cookies: bool = False,
    ) -> None:
        self._base = system.address.rstrip("/") + "/"
        self._unavailable = unavailable | {429}
        self._tokens = tokens
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies and no ~/.netrc that nobody configured here
        self._session.auth = auth
        self._session.headers.update(headers or {})
        if not keep_cookies:
            self._session.cookies.set_policy(_NoCookies())
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=max(10, system.concurrency), max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def request(
        self,
        method: str,
        path: str,
        *,
        timeout: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | str | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send and read the whole answer within `timeout` seconds; `path` is relative to the system's address.

        Returns answers with 2xx and 4xx (but 408 and 429). Raises `NotApplied` and `Uncertain`.
        """
        url = self._url(path)
        deadline = time.monotonic() + timeout
        token = self._tokens.get() if self._tokens else None
        arguments: dict[str, Any] = {"params": params, "json": json, "data": data, "cookies": cookies}
        response = self._send(method, url, deadline, _merged(headers, token), arguments)
        if response.status_code == 401 and self._tokens:
            token = self._tokens.get(refused=token)
            response = self._send(method, url, deadline, _merged(headers, token), arguments)
        return self._classified(response)

    def close(self) -> None:
        """Release the connections."""
        self._session.close()

    def _url(self, path: str) -> str:
        url = urljoin(self._base, path.lstrip("/") if not urlsplit(path).netloc else path)
        if urlsplit(url)[:2] != urlsplit(self._base)[:2]:
            raise NotApplied("the address is outside of the configured system")
        return url

    def _send(
        self, method: str, url: str, deadline: float, headers: dict[str, str], arguments: dict[str, Any]
    ) -> requests.Response:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise NotApplied("no time was left to send")
        before_sending()
        timeout = (min(CONNECT_TIMEOUT, remaining), remaining)
        with tracing.span(method, kind=SpanKind.CLIENT, **_told(method, url)) as span:
            tracing.inject_http(headers)
            try:
                response = self._session.request(
                    method, url, headers=headers, timeout=timeout, allow_redirects=False, stream=True, **arguments
                )
                with response:
                    response._content = _read(response, deadline)
            except (requests.RequestException, HTTPError) as error:
                raise _classify(error) from error
            span.set_attribute("http.response.status_code", response.status_code)
            return response

    def _classified(self, response: requests.Response) -> requests.Response:
        status = response.status_code
        if status in self._unavailable:
            raise NotApplied(f"HTTP {status}", _retry_after(response))
        if status >= 500 or status == 408 or 300 <= status < 400 or status < 200:
            raise Uncertain(f"HTTP {status}")
        return response


def read_json(response: requests.Response) -> Any:
    """The answer's JSON. Raises `Uncertain` where it cannot be read: what it answered to may be applied."""
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Uncertain(f"HTTP {response.status_code} with unreadable JSON") from error


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined, misc]
    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False


def _merged(headers: Mapping[str, str] | None, token: Token | None) -> dict[str, str]:
    return {**(headers or {}), **(token.headers if token else {})}


def _told(method: str, url: str) -> dict[str, str]:
    """What a trace may tell of a request (OpenTelemetry's HTTP conventions); its query may hold secrets."""
    parts = urlsplit(url)
    return {"http.request.method": method, "server.address": parts.hostname or "", "url.path": parts.path}


def _read(response: requests.Response, deadline: float) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(64 * 1024):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise Uncertain("the answer is too large")
        if time.monotonic() > deadline:
            raise Uncertain("timeout while reading the answer")
    return b"".join(parts)


def _classify(error: Exception) -> NotApplied | Uncertain:
    cause = _innermost(error)
    if isinstance(cause, NameResolutionError):
        return NotApplied("the host name cannot be resolved")
    if isinstance(cause, NewConnectionError):
        return NotApplied("no connection")
    if isinstance(cause, ConnectTimeoutError) or isinstance(error, requests.ConnectTimeout):
        return NotApplied("timeout while connecting")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NotApplied("TLS: the certificate is not valid for this host")
    if isinstance(cause, ssl.SSLError) and cause.reason and "ALERT" not in cause.reason:
        return NotApplied(f"TLS: {cause.reason}")
    if isinstance(error, requests.Timeout):
        return Uncertain("timeout after sending")
    return Uncertain(f"the connection broke ({type(cause).__name__})")


def _innermost(error: BaseException) -> BaseException:
    for argument in error.args:
        if isinstance(argument, BaseException):
            return _innermost(argument)
    if isinstance(error, MaxRetryError) and error.reason:
        return _innermost(error.reason)
    return error


def _retry_after(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
