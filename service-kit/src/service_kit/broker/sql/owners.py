"""Who lives: a lock on a file beside the database, which the kernel releases when its holder dies."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from service_kit.ids import new_id


class Owner:
    """This broker's proof of life. `token` marks what its consumers take."""

    def __init__(self, database: Path) -> None:
        self.token = new_id()
        self._path = _lock_file(database, self.token)
        nameless = self._path.with_name(self._path.name + ".new")
        self._file = os.open(nameless, os.O_CREAT | os.O_RDWR, 0o600)
        # Locked before it has its name: nobody can find it unlocked while its owner lives.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        nameless.rename(self._path)

    def close(self) -> None:
        """Die in an orderly way. Idempotent."""
        file, self._file = self._file, -1
        if file >= 0:
            with suppress(FileNotFoundError):
                self._path.unlink()
            os.close(file)


def lives(database: Path, token: str) -> bool:
    """Whether the owner's process still runs. Removes the lock file of a dead one."""
    path = _lock_file(database, token)
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        with suppress(FileNotFoundError):
            path.unlink()
        return False
    finally:
        os.close(file)


def sweep(database: Path) -> None:
    """Remove the lock files that dead owners left."""
    prefix = _lock_file(database, "").name
    for path in database.parent.glob(f"{prefix}*"):
        if path.suffix != ".new":
            lives(database, path.name.removeprefix(prefix))


def _lock_file(database: Path, token: str) -> Path:
    return database.with_name(f"{database.name}-owner-{token}")
