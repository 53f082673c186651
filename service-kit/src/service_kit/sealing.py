"""Secret values as `{"$sealed": "<base64>"}`, wherever they are kept.

AES-256-GCM with the owner's name as associated data. The nonce is a keyed hash of the value: the same value of the same
owner is the same sealed value, so that a document that is told twice is recognised as one, and a large one is stored
once. Who has no key learns from it only that two values are equal.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service_kit.errors import KitError

SEALED = "$sealed"
_MARK = b'"$sealed"'
KEY_BYTES = 32
NONCE_BYTES = 12
Path = tuple[str, ...]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class SealBroken(KitError):
    """A value was not sealed with this key for this owner."""


class Sealer:
    """Seals and opens the secrets of one owner: an instance, a command."""

    def __init__(self, owner: str, key: bytes) -> None:
        self._owner = owner.encode()
        self._key = key
        self._cipher = AESGCM(key)

    def seal(self, value: Any) -> dict[str, str]:
        """The sealed form of any JSON value."""
        text = _encode(value)
        nonce = hashlib.blake2b(text, digest_size=NONCE_BYTES, key=self._key, person=b"nonce").digest()
        return {SEALED: base64.b64encode(nonce + self._cipher.encrypt(nonce, text, self._owner)).decode()}

    def open(self, sealed: dict[str, str]) -> Any:
        """The value. Raises `SealBroken` where it was not sealed with this key for this owner."""
        try:
            content = base64.b64decode(sealed[SEALED], validate=True)
            text = self._cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], self._owner)
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise SealBroken from error
        return _decode(text)

    def digest(self, text: str) -> str:
        """A short hash that tells nothing to those who have no key."""
        return hashlib.blake2b(text.encode(), digest_size=8, key=self._key, person=b"digest").hexdigest()


def is_sealed(value: Any) -> bool:
    """Whether this is a sealed value."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(SEALED), str)


def is_marked(text: bytes) -> bool:
    """Whether there may be a sealed value in JSON text."""
    return b"$" in text and _MARK in text  # a search for one byte costs next to nothing


def sealed_at(value: Any, paths: Iterable[Path], seal: Callable[[Any], Any]) -> Any:
    """`value` with everything at `paths` sealed; itself where there is nothing to seal. A path goes through lists, and
    `*` stands for every name. The empty path is everything: each field of an object."""
    for path in paths:
        value = _at(value, path or ("*",), seal) if path or isinstance(value, dict) else _leaf(value, seal)
    return value


def _at(value: Any, path: Path, seal: Callable[[Any], Any]) -> Any:
    if not path:
        return _leaf(value, seal)
    if isinstance(value, list):
        items = [_at(item, path, seal) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if not isinstance(value, dict) or is_sealed(value):
        return value
    names = list(value) if path[0] == "*" else [path[0]] if path[0] in value else []
    changed = {name: _at(value[name], path[1:], seal) for name in names}
    return value if all(changed[name] is value[name] for name in names) else {**value, **changed}


def _leaf(value: Any, seal: Callable[[Any], Any]) -> Any:
    return value if value is None or is_sealed(value) else seal(value)


def opened(value: Any, open_: Callable[[dict[str, str]], Any]) -> Any:
    """`value` with every sealed value in it opened."""
    if isinstance(value, list):
        return [opened(item, open_) for item in value]
    if not isinstance(value, dict):
        return value
    if is_sealed(value):
        return open_(value)
    return {name: opened(item, open_) for name, item in value.items()}


def secret_paths(schema: Any) -> Iterator[Path]:
    """Where the values are that a JSON schema marks `x-secret`; lists are passed through, `*` stands for every name."""
    if not isinstance(schema, dict):
        return
    if schema.get("x-secret") is True:
        yield ()
        return
    for name, inner in (schema.get("properties") or {}).items():
        yield from ((name, *path) for path in secret_paths(inner))
    yield from (("*", *path) for path in secret_paths(schema.get("additionalProperties")))
    yield from secret_paths(schema.get("items"))
    for word in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(word) or ():
            yield from secret_paths(inner)


def master_key(text: str) -> bytes | None:
    """The key in a setting (32 bytes, base64); None where it is not set. Raises `ValueError`."""
    if not text:
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"is {len(key)} bytes long, not {KEY_BYTES}")
    return key


def master_keys(text: str) -> tuple[bytes, ...]:
    """Several of them, separated by commas. Raises `ValueError`."""
    found = (master_key(part.strip()) for part in text.split(","))  # an empty part is no key
    return tuple(key for key in found if key is not None)
