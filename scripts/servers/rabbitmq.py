"""Start RabbitMQ nodes of our own."""

import base64
import hashlib
import json
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from scripts.servers import processes
from scripts.servers.home import Home, ServersError, free_port

USER = "rabbitmq"
LOGIN = "throughline"
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the wrapper in sbin changes user and folder
VHOST = "throughline"


@dataclass(frozen=True)
class Node:
    """A node to be. `names` is the port of its epmd; `more` are lines of rabbitmq.conf beyond our own. Nodes of one
    cluster have the same `names`, `password` and `cookie`."""

    folder: Path
    names: int
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    cookie: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    port: int = field(default_factory=free_port)
    api: int = field(default_factory=free_port)
    more: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in a cluster."""
        return f"throughline{self.port}@localhost"

    @property
    def amqp_url(self) -> str:
        """Where it speaks AMQP."""
        return f"amqp://{LOGIN}:{self.password}@127.0.0.1:{self.port}/{VHOST}"

    @property
    def api_url(self) -> str:
        """Its management API, which makes virtual hosts."""
        return f"http://{LOGIN}:{self.password}@127.0.0.1:{self.api}/api"


def start(home: Home) -> dict[str, str]:
    """Start an empty node; returns the environment that names it and its management API."""
    node = Node(home.folder("rabbitmq", USER), free_port())
    start_epmd(node)
    await_ready(node, launch(node))
    return {"AMQP_URL": node.amqp_url, "AMQP_API_URL": node.api_url}


def start_epmd(node: Node) -> subprocess.Popen[bytes]:
    """An epmd of our own, found again by its argv[0]; the node would start one that carries no mark."""
    epmd = shutil.which("epmd")
    if epmd is None:
        raise ServersError("RabbitMQ is not installed.")
    command = [f"{node.folder}/epmd", "-port", str(node.names), "-address", "127.0.0.1"]
    with _log(node).open("ab") as output:
        return processes.spawn(command, USER, _environ(node), output, epmd)


def launch(node: Node) -> subprocess.Popen[bytes]:
    """Start the server of a node, for the first time or again."""
    if not SERVER.exists():
        raise ServersError("RabbitMQ is not installed.")
    _configure(node)
    with _log(node).open("ab") as output:
        return processes.spawn([str(SERVER), "-throughline", f"{node.folder}/"], USER, _environ(node), output)


def await_ready(node: Node, process: subprocess.Popen[bytes]) -> None:
    """Wait until it takes connections. Raises `ServersError`."""
    processes.await_ready("RabbitMQ", process, lambda: _speaks_amqp(node.port), _log(node))


def _log(node: Node) -> Path:
    return node.folder / "log"


def _environ(node: Node) -> dict[str, str]:
    folder = node.folder
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(node.names),
        "RABBITMQ_NODENAME": node.name,
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "empty"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"-kernel inet_dist_use_interface {{127,0,0,1}} -setcookie {node.cookie}"
        ),
    }


def _configure(node: Node) -> None:
    folder = node.folder
    lines = [
        f"listeners.tcp.local = 127.0.0.1:{node.port}",
        f"load_definitions = {folder / 'definitions.json'}",
        "management.tcp.ip = 127.0.0.1",
        f"management.tcp.port = {node.api}",
        "management_agent.disable_metrics_collector = true",
        "disk_free_limit.absolute = 50MB",
        "vm_memory_high_watermark.absolute = 1GB",
        "log.file.level = info",
        *node.more,
    ]
    files = {
        "rabbitmq.conf": "\n".join(lines) + "\n",
        "definitions.json": json.dumps(_definitions(node.password)),
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
