"""Journals of purged instances as files: JSON Lines, one file an instance, in a folder for each day they ended on.

    2026-01-05/INSTANCE.jsonl
    {"archive":"throughline.v1","instance":...,"process":...,"status":...}   what it was
    {"seq":1,"at":...,"input_id":...,"input":{...},"facts":[...]}            each journal row, large values in full
    {"rows":17,"sha256":"..."}                                               of everything before

Secrets are masked. A file is complete and on the disk when it has its name.
"""

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from saga_coordinator import blobs
from saga_coordinator.sealing import masked
from saga_coordinator.store.journal import Row
from saga_coordinator.store.tombstones import Tombstone

VERSION = "throughline.v1"


class Archive:
    """The files in one folder, which is made when it is needed. Every method raises `OSError`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """Whether something can be written."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = self._folder / ".writable"
        _open(probe).close()
        probe.unlink()

    def write(self, tombstone: Tombstone, pages: Iterable[list[Row]]) -> tuple[str, str]:
        """Write an instance's journal, given page by page; the file's name in the folder, and the SHA-256 of its lines
        but the last. The same journal makes the same file however often it is written."""
        name = f"{datetime.fromtimestamp(tombstone.ended_at / 1000, UTC):%Y-%m-%d}/{tombstone.instance}.jsonl"
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        digest, rows = hashlib.sha256(), 0
        with _open(unfinished) as file:
            _put(file, digest, msgspec.json.encode(_head(tombstone)))
            for page in pages:
                for row in page:
                    _put(file, digest, _line(row))
                    rows += 1
            file.write(msgspec.json.encode({"rows": rows, "sha256": digest.hexdigest()}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        for folder in (path.parent, self._folder):
            _sync(folder)
        return name, digest.hexdigest()


def _open(path: Path) -> Any:
    """For the hub's user only: it holds what the store held."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _put(file: Any, digest: Any, line: bytes) -> None:
    file.write(line + b"\n")
    digest.update(line + b"\n")


def _head(tombstone: Tombstone) -> dict[str, object]:
    names = ("instance", "process", "version", "status", "business_key", "started_at", "ended_at")
    return {"archive": VERSION, **{name: getattr(tombstone, name) for name in names}}


def _line(row: Row) -> bytes:
    return msgspec.json.encode(
        {
            "seq": row.seq,
            "at": row.at,
            "input_id": row.input_id,
            "input": msgspec.Raw(masked(blobs.whole(row.input, row.contents))),
            "facts": msgspec.Raw(masked(blobs.whole(row.facts, row.contents))),
        }
    )


def _sync(folder: Path) -> None:
    """A file's name is safe when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
