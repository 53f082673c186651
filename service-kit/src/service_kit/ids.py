"""Ids that are short, sortable by nothing, and safe in URLs, file names and vendors' fields."""

import base64
import hashlib
import secrets


def new_id() -> str:
    """A fresh random id: 26 characters of lower-case base32 (128 bits)."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def derived_id(*parts: str) -> str:
    """The same id for the same parts, always: 26 characters of lower-case base32 over SHA-256."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()
