"""What was purged or erased."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "forgotten",
        sa.Column("instance_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), primary_key=True),
        sa.Column("up_to", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("forgotten_at", "forgotten", ["at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("forgotten")
