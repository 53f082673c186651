"""Commands that are kept for later, results that come later, and the pace of systems."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and what the purge of the inbox looks by."""
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "connector_promises",
        sa.Column("command", text, primary_key=True),
        sa.Column("connector", text, nullable=False),
        sa.Column("system", text, nullable=False),
        sa.Column("hub_key", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("verify", sa.Boolean, nullable=False),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("promised", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("reference", text),
        sa.Column("poll_at", sa.BigInteger),
    )
    op.create_index("connector_promises_line", "connector_promises", ["connector", "state", "system", "place"])
    op.create_index("connector_promises_reference", "connector_promises", ["connector", "system", "reference"])
    op.create_index("connector_promises_hub_key", "connector_promises", ["connector", "system", "hub_key"])
    op.create_table(
        "connector_early_results",
        sa.Column("id", text, primary_key=True),
        sa.Column("connector", text, nullable=False),
        sa.Column("system", text, nullable=False),
        sa.Column("reference", text),
        sa.Column("hub_key", text),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "connector_pace",
        sa.Column("line", text, primary_key=True),
        sa.Column("next_at", sa.BigInteger, nullable=False),
    )
    op.add_column("inbox", sa.Column("result", sa.Text))
    op.create_index("inbox_started", "inbox", ["started_at"])
    sealed = sa.text("sealed_at IS NOT NULL")
    op.create_index("inbox_sealed", "inbox", ["sealed_at"], postgresql_where=sealed, sqlite_where=sealed)


def downgrade() -> None:
    """Drop them."""
    for index in ("inbox_started", "inbox_sealed"):
        op.drop_index(index, "inbox")
    op.drop_column("inbox", "result")
    for table in ("connector_promises", "connector_early_results", "connector_pace"):
        op.drop_table(table)
