"""Sessions and CSRF tokens: a write needs the token and the cookie of the session that it was fetched in."""

import base64
import hmac
import time
from secrets import token_urlsafe
from threading import Lock

from flask import Request, Response

COOKIE = "SAP_SESSIONID_S4H_100"
HEADER = "x-csrf-token"


class Sessions:
    """The ERP's sessions, in memory: they end with the process, as the vendor's do."""

    def __init__(self, user: str, password: str, seconds: float) -> None:
        self._credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._seconds = seconds
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = Lock()

    def is_authenticated(self, request: Request) -> bool:
        """Whether the Basic credentials are right."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(given.encode(), self._credentials.encode())

    def has_token(self, request: Request) -> bool:
        """Whether token and cookie belong together and have not expired; using them prolongs them."""
        session, token = request.cookies.get(COOKIE, ""), request.headers.get(HEADER, "")
        with self._lock:
            known, expires = self._tokens.get(session, ("", 0.0))
            if not known or expires < time.monotonic() or not hmac.compare_digest(known.encode(), token.encode()):
                return False
            self._tokens[session] = (known, time.monotonic() + self._seconds)
            return True

    def issue(self, request: Request, response: Response) -> None:
        """Answers `x-csrf-token: Fetch`: the session's token, or a new session."""
        session = request.cookies.get(COOKIE, "")
        now = time.monotonic()
        with self._lock:
            token, expires = self._tokens.get(session, ("", 0.0))
            if not token or expires < now:
                session, token = token_urlsafe(24), token_urlsafe(18)
                self._forget_expired(now)
            self._tokens[session] = (token, now + self._seconds)
        response.headers[HEADER] = token
        response.headers.add("Set-Cookie", f"{COOKIE}={session}; path=/; HttpOnly")
        response.headers.add("Set-Cookie", "sap-usercontext=sap-client=100; path=/")

    def revoke(self) -> None:
        """Ends all sessions."""
        with self._lock:
            self._tokens.clear()

    def _forget_expired(self, now: float) -> None:
        for session in [session for session, (_, expires) in self._tokens.items() if expires < now]:
            del self._tokens[session]
