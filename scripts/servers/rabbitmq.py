"""Start a RabbitMQ node of our own."""

import base64
import hashlib
import json
import secrets
import shutil
import socket
from pathlib import Path

from scripts.servers import processes
from scripts.servers.home import Home, ServersError, free_port

USER = "rabbitmq"
LOGIN = "throughline"
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the wrapper in sbin changes user and folder
VHOST = "throughline"


def start(home: Home) -> dict[str, str]:
    """Start an empty node; returns the environment that names it and its management API, which makes virtual hosts."""
    epmd = shutil.which("epmd")
    if epmd is None or not SERVER.exists():
        raise ServersError("RabbitMQ is not installed.")
    folder = home.folder("rabbitmq", USER)
    log, port, names, api, password = folder / "log", free_port(), free_port(), free_port(), secrets.token_hex(12)
    _configure(folder, port, api, password)
    environ = _environ(folder, port, names)
    # an epmd of our own, found again by its argv[0]; the node would start one that carries no mark
    mark = f"{folder}/epmd"
    with log.open("wb") as output:
        processes.spawn([mark, "-port", str(names), "-address", "127.0.0.1"], USER, environ, output, epmd)
        process = processes.spawn([str(SERVER), "-throughline", f"{folder}/"], USER, environ, output)
    processes.await_ready("RabbitMQ", process, lambda: _speaks_amqp(port), log)
    login = f"{LOGIN}:{password}@127.0.0.1"
    return {"AMQP_URL": f"amqp://{login}:{port}/{VHOST}", "AMQP_API_URL": f"http://{login}:{api}/api"}


def _environ(folder: Path, port: int, names: int) -> dict[str, str]:
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": f"throughline{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "empty"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _configure(folder: Path, port: int, api: int, password: str) -> None:
    lines = [
        f"listeners.tcp.local = 127.0.0.1:{port}",
        f"load_definitions = {folder / 'definitions.json'}",
        "management.tcp.ip = 127.0.0.1",
        f"management.tcp.port = {api}",
        "management_agent.disable_metrics_collector = true",
        "disk_free_limit.absolute = 50MB",
        "vm_memory_high_watermark.absolute = 1GB",
        "log.file.level = info",
    ]
    files = {
        "rabbitmq.conf": "\n".join(lines) + "\n",
        "definitions.json": json.dumps(_definitions(password)),
        "plugins": "[rabbitmq_management].\n",
        "empty": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text)


def _definitions(password: str) -> dict[str, object]:
    user = {"name": LOGIN, "password_hash": _password_hash(password), "tags": "administrator"}
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [user | {"hashing_algorithm": "rabbit_password_hashing_sha256"}],
        "vhosts": [{"name": VHOST}],
        "permissions": [{"user": LOGIN, "vhost": VHOST} | everything],
    }


def _password_hash(password: str) -> str:
    # https://www.rabbitmq.com/docs/passwords#computing-password-hash
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _speaks_amqp(port: int) -> bool:
    # the node listens only when users, virtual hosts and queues are there: its greeting means ready
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
