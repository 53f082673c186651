"""The inbox, the leases of connector processes, and the watermarks of event sources."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the three tables."""
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "inbox",
        sa.Column("command", text, primary_key=True),
        sa.Column("operation", text, nullable=False),
        sa.Column("hub_key", text, nullable=False),
        sa.Column("owner", text),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("sealed_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
    )
    op.create_table(
        "connector_workers",
        sa.Column("owner", text, primary_key=True),
        sa.Column("alive_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event_watermarks",
        sa.Column("source", text, primary_key=True),
        sa.Column("watermark", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("inbox", "connector_workers", "event_watermarks"):
        op.drop_table(table)
