"""Journals that the engine wrote (recorded by `bench/journals.py`)."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service_kit.messages import JournalEntry

DATA = Path(__file__).parent / "data"


@pytest.fixture
def journal() -> Callable[[str], list[JournalEntry]]:
    """The entries of a recorded journal; `instance` gives them another instance's id."""

    def read(name: str, instance: str | None = None) -> list[JournalEntry]:
        entries = msgspec.json.decode((DATA / f"{name}.json").read_bytes(), type=list[JournalEntry])
        return [msgspec.structs.replace(entry, instance=instance or name) for entry in entries]

    return read
