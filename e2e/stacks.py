"""A running hub with its sandbox, shared by many tests: each uses business keys of its own."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import requests
import yaml
from sqlalchemy import make_url

from e2e.auditor import Effects, effects, fetch_books
from e2e.hubs import ORDER_TO_DELIVERY, Api, EmbeddedHub, Hub, ServicesHub, write_systems
from sandbox.testing import SandboxProcess
from service_kit import broker as brokers
from service_kit.broker import Broker
from service_kit.testing.waiting import until

PROCESSES = Path(__file__).parent / "processes"
DATABASES = ("coordinator", "connector", "monitor", "gateway")
ENDED = ("completed", "compensated", "cancelled", "failed")


class Stack:
    """A hub, its sandbox and its broker, and what tests do with them."""

    def __init__(self, hub: Hub, sandbox: SandboxProcess, broker_url: str, systems: Path) -> None:
        self.hub = hub
        self.systems = systems
        self.sandbox = sandbox
        self.broker_url = broker_url
        self.api = Api(hub)

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Any request, with the admin's key."""
        return self.api.call(method, path, **arguments)

    def start(
        self, process: str, variables: Mapping[str, Any], headers: Mapping[str, str] | None = None, **fields: Any
    ) -> requests.Response:
        """Ask for an instance of a process."""
        body = {"variables": variables, **fields}
        return self.call("POST", f"/processes/{process}/instances", json=body, headers=headers or {})

    def started(self, process: str, variables: Mapping[str, Any], **fields: Any) -> str:
        """Start an instance; its id."""
        answer = self.start(process, variables, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def instance(self, instance: str) -> dict[str, Any]:
        """As it is now."""
        answer = self.call("GET", f"/instances/{instance}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, instance: str, *statuses: str, seconds: float = 45.0) -> dict[str, Any]:
        """The instance once it is there and has one of these statuses (by default: once it has ended)."""
        seen: dict[str, Any] = {}

        def look() -> bool:
            answer = self.call("GET", f"/instances/{instance}")
            seen.update(answer.json())
            return answer.status_code == 200 and seen["status"] in (statuses or ENDED)

        try:
            until(look, timeout=seconds)
        except AssertionError:
            raise AssertionError(f"{statuses or ENDED} awaited: {seen}") from None
        return seen

    def named(self, business_key: str, seconds: float = 30.0) -> str:
        """The instance with this business key, once it is found."""
        params = {"business_key": business_key}
        found = until(lambda: self.call("GET", "/instances", params=params).json()["items"], timeout=seconds)
        return str(found[0]["id"])

    def step(self, instance: str, element: str, seconds: float = 30.0) -> dict[str, Any]:
        """The open step at `element`, once there is one."""
        found: list[dict[str, Any]] = until(
            lambda: [step for step in self.instance(instance)["steps"] if step["element"] == element], timeout=seconds
        )
        return found[0]

    def act(self, instance: str, act: str, **body: Any) -> requests.Response:
        """An operator's act; `reason` is given where it needs one."""
        sent = body if act.endswith("/complete") else {"reason": "a test", **body}
        return self.call("POST", f"/instances/{instance}/{act}", json=sent)

    def complete(self, instance: str, element: str, **output: Any) -> None:
        """Finish the user task that is open at `element`."""
        answer = self.act(instance, f"steps/{self.step(instance, element)['step']}/complete", output=output)
        assert answer.status_code == 200, answer.text

    def send(self, name: str, key: str, payload: Any = None) -> None:
        """Send a message to the instance that waits for it."""
        answer = self.call("POST", "/messages", json={"name": name, "key": key, "payload": payload})
        assert answer.status_code == 202, answer.text

    def effects(self, business_key: str) -> Effects:
        """What the sandbox's books say of it."""
        return effects(fetch_books(self.sandbox.admin_url, business_key), business_key)

    @contextmanager
    def broker(self) -> Iterator[Broker]:
        """A connection to the hub's broker of the test's own."""
        broker = brokers.connect(self.broker_url, name="test")
        try:
            yield broker
        finally:
            broker.close()

    @contextmanager
    def maintenance(self, system: str) -> Iterator[None]:
        """The system is under maintenance for an hour, or until the end of the block."""
        before, now = self.systems.read_text(), datetime.now(UTC)
        configured = yaml.safe_load(before)
        window = {"from": now.isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
        configured["systems"][system]["maintenance"] = [window]
        try:
            self._configure(yaml.safe_dump(configured))
            yield
        finally:
            self._configure(before)

    def _configure(self, text: str) -> None:
        fresh = self.systems.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.systems)

    @contextmanager
    def fault(self, system: str, kind: str, **fields: Any) -> Iterator[None]:
        """A fault in the sandbox that is gone afterwards."""
        fault = self.sandbox.inject(system, kind, **fields)
        try:
            yield
        finally:
            self.sandbox.call("DELETE", f"faults/{fault}")


def order(number: str, material: str = "MAT-100", customer: str = "10100001") -> dict[str, Any]:
    """A confirmed order as the CRM connector tells it."""
    return {
        "id": number,
        "number": number,
        "status": "confirmed",
        "customer": customer,
        "customerReference": f"PO-{number}"[:35],
        "currency": "EUR",
        "totalAmount": "10.00",
        "lines": [{"line": "10", "product": material, "quantity": 1, "unit": "C62"}],
    }


def new_key(prefix: str = "K") -> str:
    """A business key that no other test has; short enough for every system's fields."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@contextmanager
def embedded_stack(folder: Path) -> Iterator[Stack]:
    """SQL queue and SQLite, one process."""
    with SandboxProcess(folder / "sandbox") as sandbox:
        systems = write_systems(folder, sandbox)
        hub = EmbeddedHub(folder, systems)
        hub.start()
        try:
            yield prepared(Stack(hub, sandbox, f"sqlite:///{folder / 'data' / 'hub.sqlite'}", systems))
        finally:
            hub.stop()


@contextmanager
def services_stack(folder: Path, amqp_url: str, database_url: str) -> Iterator[Stack]:
    """RabbitMQ and PostgreSQL, a process for every service."""
    with empty_databases(database_url) as databases, services_stack_on(folder, amqp_url, databases) as stack:
        yield stack


@contextmanager
def services_stack_on(folder: Path, amqp_url: str, databases: Mapping[str, str]) -> Iterator[Stack]:
    """The same, with the databases given."""
    with SandboxProcess(folder / "sandbox") as sandbox:
        systems = write_systems(folder, sandbox)
        hub = ServicesHub(folder, systems, amqp_url, databases)
        hub.start()
        try:
            yield prepared(Stack(hub, sandbox, amqp_url, systems))
        finally:
            hub.stop()


def prepared(stack: Stack) -> Stack:
    """Ready, with every process of these tests deployed."""
    stack.api.wait_ready()
    for file in (ORDER_TO_DELIVERY, *sorted(PROCESSES.glob("*.bpmn"))):
        stack.api.deploy(file.read_bytes())
    return stack


@contextmanager
def empty_databases(database_url: str, port: int | None = None) -> Iterator[dict[str, str]]:
    """An empty database for every service, as SQLAlchemy URLs; `port` where they are to be reached by another way."""
    names = {name: f"e2e_{name}_{uuid.uuid4().hex[:12]}" for name in DATABASES}
    with psycopg.connect(database_url, autocommit=True) as admin, ExitStack() as stack:
        for name in names.values():
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            stack.callback(admin.execute, f'DROP DATABASE "{name}" WITH (FORCE)')
        url = make_url(database_url).set(drivername="postgresql+psycopg")
        url = url.set(port=port) if port else url
        yield {key: url.set(database=name).render_as_string(hide_password=False) for key, name in names.items()}
