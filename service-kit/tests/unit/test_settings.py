"""Settings from the environment."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service_kit.settings import SettingsError, read_settings


@dataclass(frozen=True)
class Example:
    database_url: str = field(repr=False)
    broker_url: str
    threads: int = 4
    ratio: float | None = None
    debug: bool = False
    hosts: tuple[str, ...] = ()
    folder: Path = field(default=Path("."), metadata={"env": "HOME_FOLDER"})


def test_values_are_read_by_their_types() -> None:
    environ = {
        "DATABASE_URL": "d",
        "BROKER_URL": "b",
        "THREADS": "8",
        "RATIO": "0.5",
        "DEBUG": "yes",
        "HOSTS": "a, b",
        "HOME_FOLDER": "/srv",
    }

    assert read_settings(Example, environ) == Example("d", "b", 8, 0.5, True, ("a", "b"), Path("/srv"))


def test_everything_that_is_missing_or_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(Example, {"THREADS": "many", "DEBUG": "perhaps"})

    assert error.value.missing == ["DATABASE_URL", "BROKER_URL"]
    assert "THREADS is 'many': expected a whole number" in str(error.value)
    assert "DEBUG" in str(error.value)


def test_a_secret_may_come_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("postgresql://db\n")

    settings = read_settings(Example, {"DATABASE_URL_FILE": str(tmp_path / "secret"), "BROKER_URL": "b"})

    assert settings.database_url == "postgresql://db"


def test_an_unreadable_secret_file_is_named_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        read_settings(Example, {"DATABASE_URL_FILE": str(tmp_path / "gone"), "BROKER_URL": "b"})
