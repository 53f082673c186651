"""The index of instances."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "entries",
        sa.Column("instance_id", _text(), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.LargeBinary, nullable=False),
    )
    _create_instances()
    op.create_table(
        "documents",
        sa.Column("instance_id", _text(), primary_key=True),
        sa.Column("system", _text(), primary_key=True),
        sa.Column("name", _text(), primary_key=True),
        sa.Column("number", _text(), primary_key=True),
        sa.Column("operation", _text(), nullable=False),
    )
    op.create_index("documents_number", "documents", ["number"])
    _create_incidents()
    op.create_table(
        "gaps",
        sa.Column("instance_id", _text(), primary_key=True),
        sa.Column("wanted", sa.Integer, nullable=False),
    )
    op.create_table(
        "diagrams",
        sa.Column("process", _text(), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("elements", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "comparisons",
        sa.Column("name", _text(), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _create_instances() -> None:
    op.create_table(
        "instances",
        sa.Column("id", _text(), primary_key=True),
        sa.Column("process", _text(), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("business_key", _text()),
        sa.Column("status", _text(), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("error", _text()),
        sa.Column("incidents", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("previous_seq", sa.Integer, nullable=False),
    )
    op.create_index("instances_started", "instances", ["started_at", "id"])
    op.create_index("instances_status", "instances", ["status", "started_at"])
    op.create_index("instances_key", "instances", ["business_key"])


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("instance_id", _text(), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("element", _text(), nullable=False),
        sa.Column("system", _text(), nullable=False),
        sa.Column("operation", _text(), nullable=False),
        sa.Column("code", _text(), nullable=False),
        sa.Column("message", _text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
    )
    unresolved = sa.text("resolved_at IS NULL")
    op.create_index("incidents_open", "incidents", ["raised_at"], postgresql_where=unresolved, sqlite_where=unresolved)


def downgrade() -> None:
    for table in ("comparisons", "diagrams", "gaps", "incidents", "documents", "instances", "entries"):
        op.drop_table(table)
