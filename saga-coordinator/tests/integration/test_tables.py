"""What the migrations make is what the code expects."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from saga_coordinator.models import metadata
from service_kit.database import migrate, reading


def test_the_migrations_make_the_tables_of_the_models(hub: Any) -> None:
    # given a database that was migrated, and once more
    migrate(hub.store, "saga_coordinator")

    # when
    with reading(hub.store) as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _ours, "compare_type": True})
        differences = compare_metadata(context, metadata)

    # then
    assert differences == []


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "table" or name in metadata.tables
