"""Managing API keys from a command line, where nobody has a key yet: straight in the gateway's database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.keys import ApiKey
from gateway.store import Store
from service_kit.database import migrate, open_engine
from service_kit.settings import read_settings

ACTOR = "command line"


@dataclass(frozen=True)
class _Database:
    database_url: str = field(repr=False)


def create_key(environ: Mapping[str, str], name: str, roles: Sequence[str]) -> str:
    """The text of a new key. Raises `KeyNameTaken`."""
    with _store(environ) as store:
        return store.create_key(name, roles, ACTOR)[1]


def list_keys(environ: Mapping[str, str]) -> list[str]:
    """One line for each key: id, name, roles, and since when it is revoked."""
    with _store(environ) as store:
        return [f"{key.id}  {key.name}  {','.join(key.roles)}{_revoked(key)}" for key in store.list_keys()]


def _revoked(key: ApiKey) -> str:
    return f"  revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else ""


def revoke_key(environ: Mapping[str, str], id_: str) -> None:
    """It opens nothing any more, within a few seconds. Raises `KeyNotFound`."""
    with _store(environ) as store:
        store.revoke_key(id_)


@contextmanager
def _store(environ: Mapping[str, str]) -> Iterator[Store]:
    engine = open_engine(read_settings(_Database, environ).database_url)
    try:
        migrate(engine, "gateway")
        yield Store(engine)
    finally:
        engine.dispose()
