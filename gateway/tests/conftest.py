"""A gateway over its own SQLite file, and stand-ins for the services behind it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from starlette.types import ASGIApp

from gateway.app import create_app as create_gateway
from gateway.settings import Settings
from gateway.store import ensure_admin_key
from gateway.testing import TOKEN, FakeConnector, FakeCoordinator, FakeMonitor
from service_kit.database import migrate, open_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/gateway.sqlite")
    migrate(engine, "gateway")
    yield engine
    engine.dispose()


@pytest.fixture
def admin_key(engine: Engine) -> str:
    key = ensure_admin_key(engine)
    assert key is not None
    return key


@pytest.fixture
def coordinator() -> FakeCoordinator:
    return FakeCoordinator()


@pytest.fixture
def monitor() -> FakeMonitor:
    return FakeMonitor()


@pytest.fixture
def connector() -> FakeConnector:
    return FakeConnector()


@pytest.fixture
def settings() -> Settings:
    return Settings(database_url="", internal_token=TOKEN, coordinator_url="", monitor_url="")


@pytest.fixture
def app(
    settings: Settings,
    engine: Engine,
    coordinator: FakeCoordinator,
    monitor: FakeMonitor,
    connector: FakeConnector,
) -> ASGIApp:
    return create_gateway(
        settings,
        engine,
        coordinator=coordinator.app,
        monitor=monitor.app,
        connectors={"erp": connector.app},
        validate_responses=True,
    )


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(app: ASGIApp, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the admin key."""
    headers = {"Authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway", headers=headers
    ) as client:
        yield client
