"""What is left of instances that are purged or erased, and who does the housekeeping."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
_MARK = b'$blob"'


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables, and find out who refers to the large values that are there already."""
    _create_tombstones()
    op.create_table(
        "erasures",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("identifiers", sa.Boolean(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    op.create_index("erasures_done", "erasures", ["done_at"], unique=False)
    op.create_table(
        "duties",
        sa.Column("name", _text(), nullable=False),
        sa.Column("holder", _text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(
        "instances_ended",
        "instances",
        ["process", "ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
        sqlite_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_table(
        "blob_references",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("digest", _text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "digest"),
    )
    op.create_index("blob_references_digest", "blob_references", ["digest"], unique=False)
    _refer(op.get_bind())


def _create_tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("process", _text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", _text(), nullable=False),
        sa.Column("business_key", _text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("purged_at", sa.BigInteger(), nullable=False),
        sa.Column("keys_until", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("archive", _text(), nullable=True),
        sa.Column("digest", _text(), nullable=True),
        sa.Column("rest", sa.Boolean(), nullable=False),
        sa.Column("writers", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    op.create_index("tombstones_purged", "tombstones", ["purged_at", "instance_id"], unique=False)
    op.create_index("tombstones_expire", "tombstones", ["expires_at"], unique=False)
    op.create_index(
        "tombstones_keys",
        "tombstones",
        ["keys_until"],
        unique=False,
        postgresql_where=sa.text("business_key IS NOT NULL"),
        sqlite_where=sa.text("business_key IS NOT NULL"),
    )
    op.create_index(
        "tombstones_rest",
        "tombstones",
        ["purged_at"],
        unique=False,
        postgresql_where=sa.text("rest"),
        sqlite_where=sa.text("rest"),
    )


def _refer(connection: sa.Connection) -> None:
    """Contents may refer to more, so an instance's references are followed to their end."""
    if connection.scalar(sa.text("SELECT 1 FROM blobs LIMIT 1")) is None:
        return
    inner = {
        digest: set(_references(json.loads(content))) if _MARK in bytes(content) else set()
        for digest, content in connection.execute(sa.text("SELECT digest, content FROM blobs"))
    }
    stored = (
        "SELECT instance_id, input, facts FROM journal"
        " UNION ALL SELECT instance_id, substr(state, 9), substr(state, 9) FROM snapshots"
    )
    found: dict[tuple[str, str], None] = {}
    for instance, *texts in connection.execution_options(yield_per=500).execute(sa.text(stored)):
        for text in map(bytes, texts):
            if _MARK in text and text[:1] in (b"{", b"["):
                _follow(instance, set(_references(json.loads(text))), inner, found)
    rows = [{"instance_id": instance, "digest": digest} for instance, digest in found]
    if rows:
        connection.execute(sa.text("INSERT INTO blob_references VALUES (:instance_id, :digest)"), rows)


def _follow(instance: str, digests: set[str], inner: dict[str, set[str]], found: dict[tuple[str, str], None]) -> None:
    for digest in digests & inner.keys():
        if (instance, digest) not in found:
            found[(instance, digest)] = None
            _follow(instance, inner[digest], inner, found)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("$blob"), str):
            yield value["$blob"]
        for item in value.values():
            yield from _references(item)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("blob_references", "duties", "erasures", "tombstones"):
        op.drop_table(table)
    op.drop_index("instances_ended", "instances")
