"""Suspensions of whole systems and processes, and the commands that they hold back.

Revision ID: 0020
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0011"


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables. Nothing is suspended."""
    op.create_table(
        "suspensions",
        sa.Column("id", _text(), nullable=False),
        sa.Column("kind", _text(), nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    is_active = sa.text("ended_at IS NULL")
    op.create_index(
        "suspensions_active",
        "suspensions",
        ["kind", "name"],
        unique=True,
        postgresql_where=is_active,
        sqlite_where=is_active,
    )
    op.create_table(
        "held_commands",
        sa.Column("command", _text(), nullable=False),
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("system", _text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("wake_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("command"),
    )
    op.create_index("held_commands_instance", "held_commands", ["instance_id"], unique=False)
    op.create_index("held_commands_at", "held_commands", ["at"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("held_commands")
    op.drop_table("suspensions")
