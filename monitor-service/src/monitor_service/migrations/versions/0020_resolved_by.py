"""Who dealt with an incident.

Revision ID: 0020
Revises: 0002, 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = ("0002", "0010")


def upgrade() -> None:
    """Create the column. Of incidents that were resolved before, nobody knows."""
    column = sa.Column("resolved_by", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True)
    op.add_column("incidents", column)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("incidents", "resolved_by")
