"""Instances that others called."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0001"


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("instances", sa.Column("parent", _text()))
    op.add_column("instances", sa.Column("root", _text()))
    is_child = sa.text("parent IS NOT NULL")
    op.create_index("instances_root", "instances", ["root"], postgresql_where=is_child, sqlite_where=is_child)


def downgrade() -> None:
    op.drop_index("instances_root", table_name="instances")
    op.drop_column("instances", "root")
    op.drop_column("instances", "parent")
