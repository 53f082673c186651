"""Several coordinators and the counting connector, as processes: everything that carries sagas and nothing else."""

import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import requests
from sqlalchemy import text

from e2e.hubs import Process, free_port, until
from e2e.noop.connector import read
from saga_coordinator.starts import start
from saga_coordinator.wire import input_event
from service_kit import broker as brokers
from service_kit.database import open_engine
from service_kit.http.identity import internal_headers

FAN_OUT = Path(__file__).parent / "fan-out.bpmn"
CONTRACTS = Path(__file__).parent / "contracts"
LANES = 8
FINAL = ("completed", "compensated", "cancelled", "failed")


class NoopHub:
    """Starts are put on the lanes directly, so that any coordinator may die at any time."""

    def __init__(self, folder: Path, amqp_url: str, databases: Mapping[str, str], coordinators: int) -> None:
        self._folder = folder
        self._effects = folder / "effects"
        self._effects.touch()
        systems = folder / "systems.yaml"
        systems.write_text("systems:\n  noop: {connector: noop, adapter: counting, address: 'http://127.0.0.1:9'}\n")
        self._token = secrets.token_urlsafe(24)
        self._common = {
            "BROKER_URL": amqp_url,
            "SYSTEMS_FILE": str(systems),
            "CONTRACTS": str(CONTRACTS),
            "EFFECTS_FILE": str(self._effects),
            "INTERNAL_TOKEN": self._token,
            "COORDINATORS": str(coordinators),
        }
        self._ports = [free_port() for _ in range(coordinators)]
        self.coordinators = [self._coordinator(n, databases["coordinator"]) for n in range(coordinators)]
        connector = {
            **self._common,
            "DATABASE_URL": databases["connector"],
            "OPENAPI_DIR": str(CONTRACTS),
            "BIND": f"127.0.0.1:{free_port()}",
        }
        self.connector = Process("connector-noop", ["e2e.noop.connector"], connector, folder / "connector.log")
        self._broker = brokers.connect(amqp_url, name="test")
        self._store = open_engine(databases["coordinator"])

    def _coordinator(self, number: int, database_url: str) -> Process:
        environ = {
            **self._common,
            "DATABASE_URL": database_url,
            "COORDINATOR_INDEX": str(number),
            "COORDINATOR_NAME": f"coordinator-{number}",
            "BIND": f"127.0.0.1:{self._ports[number]}",
        }
        name = f"coordinator-{number}"
        return Process(name, ["saga_coordinator"], environ, self._folder / f"{name}.log")

    def start(self, diagram: Path) -> None:
        """All processes, and this process deployed."""
        for process in (*self.coordinators, self.connector):
            process.start()
        numbers = range(len(self.coordinators))
        until(lambda: all(map(self.ready, numbers)), 60, "not every coordinator is ready")
        headers = {**internal_headers(self._token), "Content-Type": "application/xml"}
        answer = requests.post(f"{self._url(0)}/processes", data=diagram.read_bytes(), headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text

    def ready(self, number: int) -> bool:
        """Whether this coordinator says that it takes work."""
        try:
            return requests.get(f"{self._url(number)}/ready", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    def _url(self, number: int) -> str:
        return f"http://127.0.0.1:{self._ports[number]}"

    def stop(self) -> None:
        """All of it."""
        for process in (*self.coordinators, self.connector):
            process.terminate()
        for process in (*self.coordinators, self.connector):
            process.stop()
        self._broker.close()
        self._store.dispose()

    def start_sagas(self, process: str, orders: Mapping[str, Mapping[str, Any]]) -> None:
        """One for each of the variables, whose keys are business keys."""
        inputs = [start(process, 1, business_key=key, variables=dict(order)) for key, order in orders.items()]
        self._broker.publish([input_event(input_, LANES) for input_ in inputs])

    def statuses(self) -> dict[str, str]:
        """Of all instances, by business key."""
        with self._store.connect() as connection:
            rows = connection.execute(text("SELECT business_key, status FROM instances")).all()
        return {row.business_key: row.status for row in rows}

    def ended(self) -> int:
        """How many instances have a final status."""
        return sum(status in FINAL for status in self.statuses().values())

    def ended_more_than(self, count: int) -> bool:
        """Whether so many have ended, and more."""
        return self.ended() > count

    def ends(self) -> Counter[str]:
        """How often the journal says of an instance that it ended, by instance."""
        with self._store.connect() as connection:
            rows = connection.execute(text("SELECT instance_id, facts FROM journal")).all()
        facts = ((instance, fact) for instance, encoded in rows for fact in msgspec.json.decode(encoded))
        return Counter(instance for instance, fact in facts if fact.get("status") in FINAL)

    def effects(self) -> list[dict[str, str]]:
        """What the connector did and undid, in order."""
        return read(self._effects)

    def dead_letters(self) -> int:
        """How many messages nobody could handle."""
        return self._broker.depth(brokers.DEAD_LETTERS)
