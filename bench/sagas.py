"""How many sagas of five service tasks the hub runs a second, with no-op connectors, on RabbitMQ and PostgreSQL.

    make bench [JSON=1] [ARGS="--sagas 5000 --window 1000"]

Coordinator, connector and monitor are processes of their own; queues are quorum queues, PostgreSQL waits for the disk
(fsync on, synchronous_commit on). A window of sagas is kept in flight; latency is from the moment the start is handed
to the broker to the end that the coordinator journalled.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import Engine, make_url, text

from bench.processes import Service, cpu_seconds, named
from saga_coordinator.coordinator import create_coordinator, parser
from saga_coordinator.engine import inputs as i
from saga_coordinator.lanes import lane_queues
from saga_coordinator.settings import Settings
from saga_coordinator.wire import input_event
from service_kit import broker as brokers
from service_kit.broker import Broker
from service_kit.database import open_engine
from service_kit.testing.memory import MemoryBroker

HERE = Path(__file__).parent
LANES = 8
CONTRACTS = HERE.parent / "e2e" / "noop" / "contracts"
ORDER = {"order": {"id": "SO-1", "customer": "10100001", "lines": [{"material": "MAT-100", "quantity": "5"}] * 3}}
TOKEN = uuid.uuid4().hex
QUEUES = f"bench-{uuid.uuid4().hex[:8]}."


def main() -> int:
    options = _options()
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {name: stack.enter_context(_database(name)) for name in ("coordinator", "connector", "monitor")}
        services = [stack.enter_context(service) for service in _services(urls, logs)]
        figures = _measure(options, urls["coordinator"], services)
    _report(figures, as_json=options.json)
    return 0


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sagas", type=int, default=6_000)
    options.add_argument("--window", type=int, default=1_000, help="sagas in flight")
    options.add_argument("--warm-up", type=int, default=1_000)
    options.add_argument("--json", action="store_true")
    return options.parse_args()


def _broker_url() -> str:
    """The broker, with queues of this run's own that vanish when nobody uses them any more."""
    return f"{os.environ['AMQP_URL']}?prefix={QUEUES}&expires=600"


@contextmanager
def _database(name: str) -> Iterator[str]:
    admin = os.environ["DATABASE_URL"]
    database = f"bench_{name}_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    url = make_url(admin).set(drivername="postgresql+psycopg", database=database)
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def _services(urls: dict[str, str], logs: Path) -> list[AbstractContextManager[Service]]:
    systems = logs / "systems.yaml"
    systems.write_text("systems:\n  noop: {connector: noop, adapter: noop, address: 'http://127.0.0.1:1'}\n")
    contracts = shutil.copytree(HERE.parent / "openapi", logs / "openapi")
    shutil.copy(CONTRACTS / "connectors" / "noop.yaml", contracts / "connectors")
    common = {
        "BROKER_URL": _broker_url(),
        "OPENAPI_DIR": str(contracts),
        "SYSTEMS_FILE": str(systems),
        "INTERNAL_TOKEN": TOKEN,
        "BIND": "127.0.0.1:0",
        "LOG_LEVEL": "WARNING",
    }
    modules = {"coordinator": "saga_coordinator", "connector": "e2e.noop.connector", "monitor": "monitor_service"}
    return [
        _running(name, module, {**common, "DATABASE_URL": urls[name], "COORDINATOR_URL": "http://127.0.0.1:1"}, logs)
        for name, module in modules.items()
    ]


@contextmanager
def _running(name: str, module: str, environ: dict[str, str], logs: Path) -> Iterator[Service]:
    service = Service(name, module, environ, logs)
    try:
        yield service
    finally:
        service.stop()


class Load:
    """Starts sagas and waits for their ends."""

    def __init__(self, broker: Broker, store: Engine, services: list[Service]) -> None:
        self.broker = broker
        self.store = store
        self.services = services
        self.started: dict[str, float] = {}

    def run(self, sagas: int, window: int) -> float:
        """Seconds from the first start to the last end."""
        began = time.perf_counter()
        before = self.ended()
        sent = 0
        while (done := self.ended() - before) < sagas:
            room = min(window - (sent - done), sagas - sent)
            if room > 0:
                self._start(room)
                sent += room
            for service in self.services:
                service.check()
            time.sleep(0.05)
        return time.perf_counter() - began

    def _start(self, count: int) -> None:
        inputs = [
            i.Start(id="s", instance=uuid.uuid4().hex, process="five", version=1, variables=ORDER) for _ in range(count)
        ]
        now = time.time() * 1000
        self.broker.publish([input_event(input_, LANES) for input_ in inputs])
        self.started |= {input_.instance: now for input_ in inputs}

    def ended(self) -> int:
        with self.store.connect() as connection:
            return int(
                connection.execute(text("SELECT count(*) FROM instances WHERE ended_at IS NOT NULL")).scalar_one()
            )

    def latencies(self, since: float) -> list[float]:
        """Milliseconds of every saga started since then."""
        with self.store.connect() as connection:
            rows = connection.execute(text("SELECT id, ended_at FROM instances WHERE status = 'completed'")).all()
        return sorted(ended - self.started[id_] for id_, ended in rows if self.started[id_] >= since)


def _measure(options: argparse.Namespace, url: str, services: list[Service]) -> dict[str, object]:
    broker = brokers.connect(_broker_url(), name="bench")
    broker.declare(lane_queues(LANES))
    store = open_engine(url)
    _deploy(url, store, services)
    load = Load(broker, store, services)
    load.run(options.warm_up, options.window)
    watched = {service.name: [service.pid] for service in services}
    watched |= {"rabbitmq": named("beam.smp"), "postgresql": named("postgres")}
    before = {name: cpu_seconds(pids) for name, pids in watched.items()}
    since = time.time() * 1000
    seconds = load.run(options.sagas, options.window)
    watched["postgresql"] = sorted(set(watched["postgresql"]) | set(named("postgres")))
    cpu = {name: (cpu_seconds(pids) - before[name]) / options.sagas * 1000 for name, pids in watched.items()}
    latencies = load.latencies(since)
    idle = _idle(load)
    broker.close()
    store.dispose()
    return {
        "sagas_per_s": round(options.sagas / seconds, 1),
        "steps_per_s": round(options.sagas * 5 / seconds, 1),
        "p50_ms": round(statistics.median(latencies), 1),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)], 1),
        "idle_p50_ms": round(statistics.median(idle), 1),
        "sagas": options.sagas,
        "window": options.window,
        "cpu_ms_per_saga": {name: round(value, 3) for name, value in cpu.items()},
    }


def _idle(load: Load, sagas: int = 30) -> list[float]:
    since = time.time() * 1000
    for _ in range(sagas):
        load.run(1, 1)
    return load.latencies(since)


def _deploy(url: str, store: Engine, services: list[Service]) -> None:
    """Deploy `five` once the coordinator has made its tables."""
    settings = Settings(database_url=url, broker_url="", contracts=str(CONTRACTS))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for service in services:
            service.check()
        with store.connect() as connection:
            if connection.execute(text("SELECT to_regclass('instances')")).scalar_one() is not None:
                break
        time.sleep(0.1)
    parse = parser(str(CONTRACTS))
    create_coordinator(settings, MemoryBroker(), store, parse).service.deploy((HERE / "five.bpmn").read_bytes(), "five")


def _report(figures: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    sys.exit(main())
