"""The hub as its users run it, in real processes that a test may kill: embedded, and in services mode."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import requests
import yaml

from gateway.store import ensure_admin_key
from sandbox.testing import SandboxProcess
from service_kit.database import migrate, open_engine

ROOT = Path(__file__).parent.parent
ORDER_TO_DELIVERY = ROOT / "processes" / "order-to-delivery" / "order-to-delivery.bpmn"
CREDENTIALS = {
    "ERP_USER": "HUB",
    "ERP_PASSWORD": "hub-secret",
    "CRM_CLIENT_ID": "hub",
    "CRM_CLIENT_SECRET": "hub-secret",
}
# Whatever is to be purged is, without delay.
HOUSEKEEPING = {"RETENTION_INTERVAL": "1", "PURGE_GRACE": "0"}


class Process:
    """A Python module as a child process. `kill` is SIGKILL; `start` begins it again."""

    def __init__(self, name: str, arguments: list[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = [sys.executable, "-W", "ignore", "-m", *arguments]
        self._environ = {**os.environ, **environ}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it writes goes to the end of its log."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._arguments, env=self._environ, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it without any chance to tidy up."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)

    def check(self) -> None:
        """Raise with the end of its log if it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self._process.returncode}:\n{self.log.read_text()[-4000:]}")


class Hub(Protocol):
    """What tests do with either."""

    url: str
    key: str
    archive: Path
    mortal: list[Process]

    def start(self) -> None: ...
    def stop(self) -> None: ...


class Api:
    """The gateway's API with a key."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._hub.key}", **arguments.pop("headers", {})}
        return requests.request(method, self._hub.url + path, headers=headers, timeout=60, **arguments)

    def deploy(self, xml: bytes) -> None:
        answer = self.call("POST", "/processes", data=xml, headers={"Content-Type": "application/xml"})
        assert answer.status_code in (200, 201), answer.text

    def instances(self, **filters: str) -> Iterator[dict[str, Any]]:
        """Every instance, page by page."""
        cursor: dict[str, str] = {}
        while True:
            answer = self.call("GET", "/instances", params={"limit": "200", **filters, **cursor})
            answer.raise_for_status()
            page = answer.json()
            yield from page["items"]
            if not page["next_cursor"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    def wait_ready(self, seconds: float = 120.0) -> None:
        until(self._ready, seconds, "the hub is not ready")

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self._hub.url}/ready", timeout=10).status_code == 200
        except requests.RequestException:
            return False


def until(condition: Any, seconds: float, complaint: str) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_systems(folder: Path, sandbox: SandboxProcess) -> Path:
    """`systems.example.yaml` at this sandbox's addresses, and second names for some of its systems: `erp-plant2`, and
    `wms-shifts`, where a delivery that is not made at once counts as accepted."""
    example = yaml.safe_load((ROOT / "systems.example.yaml").read_text())
    for name, address in {"erp": sandbox.erp_url, "crm": sandbox.crm_url, "wms": sandbox.wms_url}.items():
        example["systems"][name]["address"] = address
    example["systems"]["erp-plant2"] = dict(example["systems"]["erp"])
    example["systems"]["wms-shifts"] = {**example["systems"]["wms"], "options": {"accept_after": 0.2}}
    file = folder / "systems.yaml"
    file.write_text(yaml.safe_dump(example))
    return file


class EmbeddedHub:
    """`throughline serve`: one process, SQLite."""

    def __init__(self, folder: Path, systems: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.key = ""
        self._log = folder / "hub.log"
        options = ["--data", str(folder / "data"), "--systems", str(systems), "--port", str(port), "--json"]
        self.archive = folder / "data" / "archive"
        environ = {**CREDENTIALS, **HOUSEKEEPING}
        self._process = Process("hub", ["throughline", "serve", *options], environ, self._log)
        self.mortal = [self._process]

    def start(self) -> None:
        self._process.start()
        until(self._told, 60, f"the hub did not start:\n{self._log.read_text()[-3000:]}")

    def _told(self) -> bool:
        self._process.check()
        for line in self._log.read_text().splitlines():
            if line.startswith('{"url"'):
                self.key = json.loads(line)["admin_key"] or self.key
                return True
        return False

    def stop(self) -> None:
        self._process.stop()


class ServicesHub:
    """Every service as a process of its own, on RabbitMQ and PostgreSQL. `databases` has a URL per service; `environ`
    is for all of them."""

    SERVICES: Mapping[str, str] = {
        "coordinator": "saga_coordinator",
        "connector-erp": "connector_erp",
        "connector-crm": "connector_crm",
        "connector-wms": "connector_wms",
        "monitor": "monitor_service",
        "gateway": "gateway",
    }

    def __init__(
        self,
        folder: Path,
        systems: Path,
        amqp_url: str,
        databases: Mapping[str, str],
        coordinators: int = 1,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.key = ""
        self._folder = folder
        self._databases = databases
        self.archive = folder / "archive"
        ports = {name: free_port() for name in self.SERVICES}
        self.url = f"http://127.0.0.1:{ports['gateway']}"
        self._common = {
            **CREDENTIALS,
            **HOUSEKEEPING,
            "ARCHIVE_FOLDER": str(self.archive),
            **(environ or {}),
            "BROKER_URL": amqp_url,
            "SYSTEMS_FILE": str(systems),
            "INTERNAL_TOKEN": secrets.token_urlsafe(24),
            "COORDINATOR_URL": f"http://127.0.0.1:{ports['coordinator']}",
            "MONITOR_URL": f"http://127.0.0.1:{ports['monitor']}",
            "CONNECTORS": ",".join(
                f"{name}=http://127.0.0.1:{ports[f'connector-{name}']}" for name in ("erp", "crm", "wms")
            ),
        }
        self.processes = {name: self._process(name, ports[name]) for name in self.SERVICES}
        for number in range(1, coordinators):
            name = f"coordinator-{number}"
            self.processes[name] = self._process(name, free_port())
        self.mortal = [p for name, p in self.processes.items() if name not in ("gateway", "monitor")]

    def _process(self, name: str, port: int) -> Process:
        service = "coordinator" if name.startswith("coordinator") else name
        environ = {
            **self._common,
            "DATABASE_URL": self._databases[service.partition("-")[0]],
            "BIND": f"127.0.0.1:{port}",
        }
        return Process(name, [self.SERVICES[service]], environ, self._folder / f"{name}.log")

    def start(self) -> None:
        for process in self.processes.values():
            process.start()
        self.key = admin_key(self._databases["gateway"])

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.stop()


def admin_key(database_url: str) -> str:
    """The first key of a gateway's database."""
    engine = open_engine(database_url)
    migrate(engine, "gateway")
    key = ensure_admin_key(engine)
    engine.dispose()
    assert key
    return key
