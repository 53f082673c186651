"""Start a PostgreSQL cluster of our own."""

import secrets
import shutil
from pathlib import Path
from typing import IO

from scripts.servers import processes
from scripts.servers.home import Home, ServersError, free_port

USER = "postgres"
SUPERUSER = "throughline"
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def binaries() -> Path | None:
    """The folder of the newest server that is installed; Debian and Ubuntu keep it off the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def start(home: Home) -> dict[str, str]:
    """Create and start a cluster; returns the environment that names it."""
    found = binaries()
    if found is None:
        raise ServersError("PostgreSQL is not installed.")
    folder = home.folder("postgres", USER)
    log, data, port, password = folder / "log", folder / "data", free_port(), secrets.token_hex(12)
    with log.open("wb") as output:
        _create(found, folder, data, password, output)
        command = [str(found / "postgres"), "-D", str(data), "-p", str(port), *_options(home)]
        process = processes.spawn(command, USER, {"LANG": "C.UTF-8"}, output)
    processes.await_ready("PostgreSQL", process, lambda: _is_ready(data), log)
    return {"DATABASE_URL": f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"}


def _create(found: Path, folder: Path, data: Path, password: str, output: IO[bytes]) -> None:
    secret = folder / "password"
    secret.write_text(password)
    command = [str(found / "initdb"), "--pgdata", str(data), "--no-sync", "--auth", "scram-sha-256"]
    command += ["--username", SUPERUSER, "--pwfile", str(secret), "--encoding", "UTF8", "--locale", "C.UTF-8"]
    if processes.spawn(command, USER, {"LANG": "C.UTF-8"}, output).wait() != 0:
        raise ServersError(f"initdb failed; see {folder / 'log'}")


def _options(home: Home) -> list[str]:
    # no Unix socket: the path of a deep checkout would be too long for one
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
    settings += [] if home.durable else FAST
    return [part for setting in settings for part in ("-c", setting)]


def _is_ready(data: Path) -> bool:
    # the eighth line of PostgreSQL's pid file is its state, and what pg_ctl waits for
    try:
        return (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False
