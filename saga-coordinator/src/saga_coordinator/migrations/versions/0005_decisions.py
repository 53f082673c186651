"""Decisions, and which versions of them a process version asks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table, and the column."""
    op.create_table(
        "decisions",
        sa.Column("id", _text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", _text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("xml", sa.LargeBinary(), nullable=False),
        sa.Column("deployed_at", sa.BigInteger(), nullable=False),
        sa.Column("deployed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version"),
    )
    op.add_column("processes", sa.Column("decisions", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drop both."""
    op.drop_column("processes", "decisions")
    op.drop_table("decisions")
