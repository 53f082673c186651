"""Instances that call others, and signals.

Revision ID: 0010
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0005"


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the columns and tables. Before this no instance had a caller."""
    op.add_column("instances", sa.Column("parent", _text(), nullable=True))
    op.add_column("instances", sa.Column("root", _text(), nullable=True))
    is_child = sa.text("parent IS NOT NULL")
    for name, column in (("instances_parent", "parent"), ("instances_root", "root")):
        op.create_index(name, "instances", [column], unique=False, postgresql_where=is_child, sqlite_where=is_child)
    op.create_table(
        "signal_subscriptions",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("subscription", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "subscription"),
    )
    op.create_index("signal_subscriptions_name", "signal_subscriptions", ["name"], unique=False)
    op.create_table(
        "signals",
        sa.Column("id", _text(), nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("signals_at", "signals", ["at"], unique=False)
    op.create_table(
        "signal_deliveries",
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("input_id", _text(), nullable=False),
        sa.Column("signal", _text(), nullable=False),
        sa.Column("subscription", sa.Integer(), nullable=False),
        sa.Column("wake_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "input_id"),
    )
    op.create_index("signal_deliveries_wake", "signal_deliveries", ["wake_at"], unique=False)
    op.create_index("signal_deliveries_signal", "signal_deliveries", ["signal"], unique=False)


def downgrade() -> None:
    """Drop them."""
    for table in ("signal_deliveries", "signals", "signal_subscriptions"):
        op.drop_table(table)
    for name in ("instances_root", "instances_parent"):
        op.drop_index(name, table_name="instances")
    op.drop_column("instances", "root")
    op.drop_column("instances", "parent")
