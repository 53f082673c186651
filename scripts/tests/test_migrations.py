"""Migrations of branches that were merged: two heads, and no service becomes ready."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(folder for folder in ROOT.glob("*/src/**/migrations") if (folder / "versions").is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT).parts[0]))
def test_migrations_of_a_package_have_one_head(folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder))

    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_there_are_packages_with_migrations() -> None:
    assert len(FOLDERS) > 1
