"""What tells two inputs of one command apart, for calls by REST."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("inbox", sa.Column("digest", sa.Text))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("inbox", "digest")
