"""Start, find and end server processes."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from scripts.servers.home import Home, ServersError

SERVER_COMMANDS = {"postgres", "beam.smp", "epmd"}


def spawn(
    command: Sequence[str],
    user: str,
    environ: Mapping[str, str],
    log: IO[bytes],
    executable: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in the background as `user` (as ourselves, unless we are root), in a session of its own."""
    entry = pwd.getpwnam(user) if os.getuid() == 0 else None
    return subprocess.Popen(
        command,
        executable=executable,
        user=entry.pw_uid if entry else None,
        group=entry.pw_gid if entry else None,
        extra_groups=[] if entry else None,
        env=environ,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def await_ready(name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    """Poll until `ready`; raises ServersError with the end of its log if the process dies or needs over 90 s."""
    deadline = time.monotonic() + 90
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise ServersError(f"{name} did not start; the end of {log}:\n{tail}")
        time.sleep(0.05)


def servers_of(home: Home) -> Iterator[tuple[int, str]]:
    """Process id and command of each server of this home.

    The home's path is in every one's command line, except in that of an epmd that RabbitMQ had to start again: that
    has it in its environment (which a container may forbid to read).
    """
    mark = f"{home.directory}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        command = _read(entry / "comm").decode(errors="replace").strip()
        if command in SERVER_COMMANDS and (mark in _read(entry / "cmdline") or mark in _read(entry / "environ")):
            yield int(entry.name), command


def command_line(pid: int) -> bytes:
    """Its arguments, each ended by a NUL; empty if it has ended."""
    return _read(Path("/proc") / str(pid) / "cmdline")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def stop(home: Home) -> None:
    """End every server of this home, at once: its data is thrown away. PostgreSQL ends its children itself."""
    deadline = time.monotonic() + 15
    signalled: set[int] = set()
    while found := list(servers_of(home)):
        for pid, command in found:
            gentle = command == "postgres" and time.monotonic() < deadline
            if pid not in signalled or not gentle:
                _signal(pid, signal.SIGQUIT if gentle else signal.SIGKILL)
                signalled.add(pid)
        time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
