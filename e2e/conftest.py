"""Hubs and sandboxes for whole sagas."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from e2e.hubs import ORDER_TO_DELIVERY, Api, EmbeddedHub, ServicesHub, write_systems
from e2e.stacks import Stack, embedded_stack, empty_databases, services_stack
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
def service_databases(database_url: str) -> Iterator[dict[str, str]]:
    """An empty database for every service."""
    with empty_databases(database_url) as databases:
        yield databases


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


@pytest.fixture(scope="session")
def stacks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Stack]]:
    """The hubs that all tests of this worker share, each started when it is first asked for."""
    running: dict[str, Stack] = {}

    with ExitStack() as closing:

        def stack(pair: str) -> Stack:
            if pair not in running:
                folder = tmp_path_factory.mktemp(pair)
                running[pair] = closing.enter_context(_stack(pair, folder, request))
            return running[pair]

        yield stack


def _stack(pair: str, folder: Path, request: pytest.FixtureRequest) -> AbstractContextManager[Stack]:
    if pair == "embedded":
        return embedded_stack(folder)
    # Queues of its own: other tests of this worker have the same virtual host.
    amqp_url = f"{request.getfixturevalue('amqp_url')}?prefix=e2e-{uuid.uuid4().hex[:12]}.&expires=1800"
    return services_stack(folder, amqp_url, request.getfixturevalue("database_url"))


@pytest.fixture(params=["embedded", "services"])
def hub(request: pytest.FixtureRequest, stacks: Callable[[str], Stack]) -> Stack:
    """A running hub on each pair, shared with other tests: use business keys of your own."""
    return stacks(request.param)


@pytest.fixture
def services(stacks: Callable[[str], Stack]) -> Stack:
    """The shared hub in services mode."""
    return stacks("services")
