"""Where a pair of servers lives: a directory that unprivileged users can reach, and its lock."""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
KEPT = "kept"


class ServersError(Exception):
    """The servers cannot be had; the text says why and what to do."""


@dataclass(frozen=True)
class Home:
    """The directory of one pair of servers. `durable`: the disk is waited for, as in production."""

    directory: Path
    durable: bool = False

    def folder(self, name: str, owner: str) -> Path:
        """A folder of this home that belongs to the user `owner` (to ourselves, unless we are root)."""
        path = self.directory / name
        path.mkdir(mode=0o700, exist_ok=True)
        if os.getuid() == 0:
            entry = pwd.getpwnam(owner)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path


def root_directory() -> Path:
    """`.run/servers` in the checkout; below /var/tmp where other users cannot enter the checkout (a root's home)."""
    root = CHECKOUT / ".run" / "servers"
    if os.getuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in [CHECKOUT, *CHECKOUT.parents]):
        root = Path("/var/tmp") / f"throughline-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]}"  # noqa: S108 (checked below)
    root.mkdir(parents=True, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise ServersError(f"{root} belongs to another user: remove it.")
    return root


def kept_home(durable: bool = False) -> Home:
    """The one home that outlives its command (`up`)."""
    return Home(root_directory() / KEPT, durable)


@contextmanager
def new_home(durable: bool = False) -> Iterator[Home]:
    """A home for this run alone, locked until the end of the block; the kernel unlocks it however we die."""
    directory = Path(tempfile.mkdtemp(prefix="new-", dir=root_directory()))
    directory.chmod(0o755)
    with locked(directory):
        # only now may others see it: an unlocked run-* is taken for abandoned
        yield Home(directory.rename(directory.with_name(directory.name.replace("new-", "run-", 1))), durable)


def abandoned_homes() -> Iterator[Home]:
    """Homes of earlier runs whose command is dead: nobody holds their lock any more."""
    for directory in root_directory().glob("run-*"):
        try:
            with locked(directory):
                yield Home(directory)
        except (BlockingIOError, FileNotFoundError):
            continue


@contextmanager
def locked(directory: Path, wait: bool = False) -> Iterator[None]:
    """Alone in this directory. Raises BlockingIOError if another process is, unless told to wait for it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove(home: Home) -> None:
    """Forget the data of servers that have stopped."""
    shutil.rmtree(home.directory, ignore_errors=True)


def free_port() -> int:
    """A loopback port that is free now, below the range that the kernel gives to outgoing connections."""
    while True:
        port = secrets.choice(range(20000, 32000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
