"""The gateway's own database: API keys and the audit trail. Blocking: async code calls it on a worker thread."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from gateway.errors import KeyNameTaken, KeyNotFound
from gateway.keys import ApiKey, new_key, now
from gateway.models import api_keys, audit
from service_kit.database import reading, writing


class Act(msgspec.Struct, frozen=True):
    """What somebody did. `status` is the HTTP status that it was answered with."""

    actor: str
    operation: str
    target: str | None
    reason: str | None
    status: int
    request_id: str


class AuditEntry(Act, frozen=True, kw_only=True):
    """An act as it is kept."""

    id: int
    at: datetime


class Store:
    """Keys and audit over one engine. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ping(self) -> bool:
        """Whether the database answers now. Raises whatever the driver raises if not."""
        with reading(self._engine) as connection:
            return bool(connection.execute(text("SELECT 1")).scalar_one())

    def create_key(
        self, name: str, roles: Sequence[str], created_by: str, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can read again. Raises `KeyNameTaken`."""
        fresh = new_key()
        key = ApiKey(fresh.id, name, sorted(set(roles)), _whole(now()), created_by, expires_at)
        row = {
            "id": key.id,
            "name": name,
            "digest": fresh.digest,
            "roles": ",".join(key.roles),
            "created_at": _ms(key.created_at),
            "created_by": created_by,
            "expires_at": None if expires_at is None else _ms(expires_at),
        }
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(api_keys), row)
        except IntegrityError as error:
            raise KeyNameTaken from error
        return key, fresh.text

    def find_key(self, id_: str) -> tuple[ApiKey, str] | None:
        """The key and the digest of its secret, valid or not."""
        with reading(self._engine) as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == id_)).one_or_none()
        return None if row is None else (_key(row), row.digest)

    def list_keys(self) -> list[ApiKey]:
        """Every key, newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id))
            return [_key(row) for row in rows]

    def revoke_key(self, id_: str) -> None:
        """It opens no door any more. Raises `KeyNotFound`."""
        with writing(self._engine) as connection:
            if connection.execute(select(api_keys.c.id).where(api_keys.c.id == id_)).one_or_none() is None:
                raise KeyNotFound
            where = (api_keys.c.id == id_) & api_keys.c.revoked_at.is_(None)
            connection.execute(update(api_keys).where(where).values(revoked_at=_ms(now())))

    def add_audit(self, act: Act) -> None:
        """Keep who did what."""
        with writing(self._engine) as connection:
            connection.execute(insert(audit), {"at": _ms(now()), **msgspec.structs.asdict(act)})

    def list_audit(self, before: int | None, limit: int) -> list[AuditEntry]:
        """Newest first, ids less than `before`."""
        statement = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(audit.c.id < before)
        with reading(self._engine) as connection:
            return [AuditEntry(*row[2:], id=row[0], at=_time(row[1])) for row in connection.execute(statement)]


def ensure_admin_key(engine: Engine, name: str = "admin") -> str | None:
    """The text of a new admin key where no key has ever been made, to be printed once; else None."""
    store = Store(engine)
    if store.list_keys():
        return None
    try:
        _, text_ = store.create_key(name, ["admin"], "setup")
    except KeyNameTaken:  # another process was faster
        return None
    return text_


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.roles.split(","),
        _time(row.created_at),
        row.created_by,
        None if row.expires_at is None else _time(row.expires_at),
        None if row.revoked_at is None else _time(row.revoked_at),
    )


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _whole(time: datetime) -> datetime:
    return _time(_ms(time))
