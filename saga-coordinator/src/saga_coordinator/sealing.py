"""Sealed values (`service_kit.sealing`) as the coordinator shows them, and the keys of instances as it stores them."""

import hashlib
import re
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from saga_coordinator.errors import SecretsUnreadable
from service_kit.sealing import NONCE_BYTES, is_marked

# In JSON text without spaces a quote after a brace begins a name, so this is never part of a string.
_SEALED_TEXT = re.compile(rb'\{"\$sealed":"[^"]*"\}')
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def masked(text: bytes) -> bytes:
    """JSON text of msgspec's with every sealed value shown as `{"$sealed": true}`."""
    return _SEALED_TEXT.sub(b'{"$sealed":true}', text) if is_marked(text) else text


def masked_value(value: Any) -> Any:
    """The same for a value."""
    text = _encode(value)
    return _decode(masked(text)) if is_marked(text) else value


def wrap(master: bytes | None, instance: str, key: bytes) -> bytes:
    """An instance's key as it is stored."""
    if master is None:
        return key
    nonce = hashlib.blake2b(key, digest_size=NONCE_BYTES, key=master, person=b"wrap").digest()
    return nonce + AESGCM(master).encrypt(nonce, key, instance.encode())


def unwrap(master: bytes, instance: str, wrapped: bytes) -> bytes:
    """The key again. Raises `SecretsUnreadable` if another master key wrapped it."""
    try:
        return AESGCM(master).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], instance.encode())
    except InvalidTag as error:
        raise SecretsUnreadable(f"the key of instance {instance} cannot be unwrapped") from error


def name_of(master: bytes | None) -> str:
    """What the master key is called in the store and in messages ("": there is none). It tells nothing about it."""
    return "" if master is None else hashlib.blake2b(b"name", digest_size=4, key=master).hexdigest()
