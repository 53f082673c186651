"""Semantic locks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "locks",
        sa.Column("name", _text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("wake_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", "position"),
    )
    op.create_index("locks_instance", "locks", ["instance_id", "step"], unique=False)
    op.create_index("locks_wake", "locks", ["wake_at"], unique=False)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("locks")
