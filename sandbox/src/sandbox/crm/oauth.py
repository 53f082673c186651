"""Access tokens: the client credentials flow, expiry and revocation. Tokens live in memory."""

import hmac
import time
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock
from typing import Any

from flask import Request

from sandbox.clock import now_ms

ORGANISATION = "00D5e000000AbCdEAK"


class Tokens:
    """The access tokens that were given out."""

    def __init__(self, client_id: str, client_secret: str, seconds: float) -> None:
        self._client_id, self._client_secret, self._seconds = client_id, client_secret, seconds
        self._expiry: dict[str, float] = {}
        self._lock = Lock()

    def grant(self, request: Request, instance_url: str) -> tuple[dict[str, Any], int]:
        """The answer of the token endpoint and its status."""
        form = request.form
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "grant type not supported"), 400
        if not hmac.compare_digest(form.get("client_id", "").encode(), self._client_id.encode()):
            return _refused("invalid_client_id", "client identifier invalid"), 400
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._client_secret.encode()):
            return _refused("invalid_client", "invalid client credentials"), 400
        return self._granted(instance_url), 200

    def is_valid(self, request: Request) -> bool:
        """Whether the request carries a token that is neither expired nor revoked."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        with self._lock:
            return scheme in ("Bearer", "OAuth") and self._expiry.get(token, 0.0) > time.monotonic()

    def revoke(self) -> None:
        """Revokes all tokens."""
        with self._lock:
            self._expiry.clear()

    def _granted(self, instance_url: str) -> dict[str, Any]:
        token, issued, now = f"{ORGANISATION[:15]}!{token_urlsafe(48)}", str(now_ms()), time.monotonic()
        with self._lock:
            self._expiry = {known: expiry for known, expiry in self._expiry.items() if expiry > now}
            self._expiry[token] = now + self._seconds
        identity = f"{instance_url}/id/{ORGANISATION}/0055e000000AbCdAAK"
        return {
            "access_token": token,
            "signature": sha256((identity + issued).encode()).hexdigest(),
            "scope": "api",
            "instance_url": instance_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
        }


def _refused(error: str, description: str) -> dict[str, Any]:
    return {"error": error, "error_description": description}
