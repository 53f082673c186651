"""The journal and everything around it.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text() -> TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "business_keys",
        sa.Column("process", _text(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("process", "key"),
    )
    op.create_table(
        "instances",
        sa.Column("id", _text(), nullable=False),
        sa.Column("process", _text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", _text(), nullable=False),
        sa.Column("business_key", _text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "instances_key",
        "instances",
        ["business_key"],
        unique=False,
        postgresql_where=sa.text("business_key IS NOT NULL"),
        sqlite_where=sa.text("business_key IS NOT NULL"),
    )
    op.create_index(
        "instances_open",
        "instances",
        ["id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "journal",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("input_id", _text(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "seq"),
        sa.UniqueConstraint("instance_id", "input_id", name="journal_input"),
    )
    op.create_table(
        "messages",
        sa.Column("id", _text(), nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", _text(), nullable=True),
        sa.Column("subscription", sa.Integer(), nullable=True),
        sa.Column("wake_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("messages_instance", "messages", ["instance_id"], unique=False)
    op.create_index("messages_name_key", "messages", ["name", "key"], unique=False)
    op.create_index("messages_wake", "messages", ["wake_at"], unique=False)
    op.create_table(
        "processes",
        sa.Column("id", _text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", _text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("xml", sa.LargeBinary(), nullable=False),
        sa.Column("deployed_at", sa.BigInteger(), nullable=False),
        sa.Column("deployed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version"),
    )
    op.create_table(
        "queued_starts",
        sa.Column("input_id", _text(), nullable=False),
        sa.Column("process", _text(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("wake_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("input_id"),
    )
    op.create_index("queued_starts_key", "queued_starts", ["process", "key"], unique=False)
    op.create_table(
        "refusals",
        sa.Column("input_id", _text(), nullable=False),
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("code", _text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("existing_instance", _text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("input_id"),
    )
    op.create_index("refusals_at", "refusals", ["at"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("process", _text(), nullable=False),
        sa.Column("element", _text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("every", _text(), nullable=True),
        sa.Column("remaining", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("process", "element"),
    )
    op.create_index("schedules_due", "schedules", ["due"], unique=False)
    op.create_table(
        "seen_events",
        sa.Column("id", _text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("seen_events_at", "seen_events", ["at"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("subscription", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("message", _text(), nullable=True),
        sa.PrimaryKeyConstraint("instance_id", "subscription"),
    )
    op.create_index("subscriptions_name_key", "subscriptions", ["name", "key"], unique=False)
    op.create_table(
        "suspects",
        sa.Column("input_id", _text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("input_id"),
    )
    op.create_table(
        "timers",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("timer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("wake_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "timer"),
    )
    op.create_index("timers_wake", "timers", ["wake_at"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("timers")
    op.drop_table("suspects")
    op.drop_table("subscriptions")
    op.drop_table("snapshots")
    op.drop_table("seen_events")
    op.drop_table("schedules")
    op.drop_table("refusals")
    op.drop_table("queued_starts")
    op.drop_table("processes")
    op.drop_table("messages")
    op.drop_table("journal")
    op.drop_table("instances")
    op.drop_table("business_keys")
