"""Hubs and sandboxes for whole sagas."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from e2e.hubs import ORDER_TO_DELIVERY, Api, EmbeddedHub, ServicesHub, write_systems
from sandbox.testing import SandboxProcess


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """A sandbox of this test's own."""
    with SandboxProcess(tmp_path / "sandbox") as process:
        yield process


@pytest.fixture
def embedded_hub(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[EmbeddedHub]:
    """An embedded hub with order-to-delivery deployed."""
    hub = EmbeddedHub(tmp_path, write_systems(tmp_path, sandbox))
    hub.start()
    try:
        _deploy(hub)
        yield hub
    finally:
        hub.stop()


@pytest.fixture
def service_databases(database_url: str, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """An empty database for every service."""
    import uuid

    names = {name: f"e2e_{name}_{uuid.uuid4().hex[:12]}" for name in ("coordinator", "connector", "monitor", "gateway")}
    with psycopg.connect(database_url, autocommit=True) as admin, ExitStack() as stack:
        for name in names.values():
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            stack.callback(admin.execute, f'DROP DATABASE "{name}" WITH (FORCE)')
        url = make_url(database_url).set(drivername="postgresql+psycopg")
        yield {key: url.set(database=name).render_as_string(hide_password=False) for key, name in names.items()}


@pytest.fixture
def services_hub(
    tmp_path: Path, sandbox: SandboxProcess, fresh_amqp_url: str, service_databases: dict[str, str]
) -> Iterator[ServicesHub]:
    """A hub in services mode with two coordinators and order-to-delivery deployed."""
    systems = write_systems(tmp_path, sandbox)
    hub = ServicesHub(tmp_path, systems, fresh_amqp_url, service_databases, coordinators=2)
    hub.start()
    try:
        _deploy(hub)
        yield hub
    finally:
        hub.stop()


def _deploy(hub: EmbeddedHub | ServicesHub) -> None:
    api = Api(hub)
    api.wait_ready()
    api.deploy(ORDER_TO_DELIVERY.read_bytes())
