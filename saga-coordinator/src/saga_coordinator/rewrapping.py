"""Changing the master key of secrets, while coordinators go on: every key is wrapped again.

1. Every coordinator gets the new key in SECRETS_KEYS_ALSO, so that all can read what it wraps.
2. Every coordinator gets the new one as SECRETS_KEY, and the old one in SECRETS_KEYS_ALSO.
3. This command, with the same settings.
4. The old key is taken out of the settings, and destroyed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from saga_coordinator.vault import Rewrapped, Vault
from service_kit.database import migrate, open_engine
from service_kit.sealing import master_key, master_keys
from service_kit.settings import SettingsError, read_settings


@dataclass(frozen=True)
class _Settings:
    database_url: str = field(repr=False)
    secrets_key: str = field(repr=False)
    secrets_keys_also: str = field(default="", repr=False)


def rewrap(environ: Mapping[str, str]) -> Rewrapped:
    """Wrap every key of the store at DATABASE_URL by SECRETS_KEY; those that SECRETS_KEYS_ALSO wrap, or none, can be.
    Raises `SettingsError`, and sqlalchemy's errors: then it may be done again."""
    settings = read_settings(_Settings, environ)
    try:
        master, also = master_key(settings.secrets_key), master_keys(settings.secrets_keys_also)
    except ValueError as error:
        raise SettingsError([], [f"SECRETS_KEY or SECRETS_KEYS_ALSO {error}"]) from error
    store = open_engine(settings.database_url)
    try:
        migrate(store, "saga_coordinator")
        return Vault(store, master, also).rewrap()
    finally:
        store.dispose()


def told(done: Rewrapped) -> str:
    """For people."""
    text = f"{done.keys} keys were wrapped again"
    return text if not done.unreadable else f"{text}; {done.unreadable} are wrapped by a master key that is not known"
