"""API keys: `tl_ID_SECRET`.

The id finds the row, the secret (256 random bits) proves possession. Only the SHA-256 of the secret is kept: a slow
hash guards secrets that can be guessed, and these cannot.
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime

import msgspec

_KEY = re.compile(r"tl_([a-z0-9]{10})_([A-Za-z0-9_-]{43})")


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is kept. Times are UTC."""

    id: str
    name: str
    roles: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether it opens the door at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class NewKey(msgspec.Struct, frozen=True):
    """A fresh key: `text` is shown once, `digest` is kept."""

    id: str
    text: str
    digest: str

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r})"


def new_key() -> NewKey:
    """A key that nobody has seen."""
    id_ = base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]
    secret = secrets.token_urlsafe(32)
    return NewKey(id_, f"tl_{id_}_{secret}", digest_of(secret))


def split(text: str) -> tuple[str, str] | None:
    """(id, secret) of a key, None for anything else."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, digest: str) -> bool:
    """Whether `digest` was made of `secret`, in constant time."""
    return hmac.compare_digest(digest_of(secret), digest)


def now() -> datetime:
    """The time by this machine's clock, UTC."""
    return datetime.now(UTC)
