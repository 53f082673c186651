"""Keys that seal the secrets of instances."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "instance_keys",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("master", _text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    op.create_index("instance_keys_master", "instance_keys", ["master"], unique=False)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("instance_keys")
