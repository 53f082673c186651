"""Embedded mode: the whole hub in one process, on SQLite.

    DATA/hub.sqlite      the broker's queues, the coordinator's journal, inboxes, API keys
    DATA/monitor.sqlite  the monitor's read model
    DATA/archive         journals of purged instances, where their retention says so
    DATA/internal-token  what the services of this hub show each other
    DATA/connectors-key  what secrets are sealed with in the connectors' tables, unless there is a SECRETS_KEY

Durable: killed at any point and started again on the same directory, nothing is lost and nothing is done twice.
"""

import base64
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog
from sqlalchemy import Engine
from starlette.types import ASGIApp

import gateway.app
import gateway.settings
import monitor_service.settings
import saga_coordinator.app
import saga_coordinator.settings
from connector_crm.adapters import ADAPTERS as CRM_ADAPTERS
from connector_erp.adapters import ADAPTERS as ERP_ADAPTERS
from connector_wms.adapters import ADAPTERS as WMS_ADAPTERS
from gateway.store import ensure_admin_key
from monitor_service.monitor import create_monitor
from saga_coordinator.coordinator import create_coordinator
from service_kit import broker as brokers
from service_kit.connector import process as connectors
from service_kit.connector.systems import load_systems
from service_kit.database import migrate, open_engine
from service_kit.http.contracts import contracts_folder
from service_kit.http.server import EmbeddedServer, listen
from service_kit.sealing import KEY_BYTES

ADAPTERS = {"crm": CRM_ADAPTERS, "erp": ERP_ADAPTERS, "wms": WMS_ADAPTERS}

# What the environment may say to the coordinator of an embedded hub.
COORDINATOR = tuple(
    f"{name}{suffix}"
    for name in (
        *("SECRETS_KEY", "SECRETS_KEYS_ALSO", "ARCHIVE_FOLDER", "RETENTION_AFTER", "RETENTION_ARCHIVE"),
        *("RETENTION_KEYS", "RETENTION_INTERVAL", "PURGE_GRACE", "CALENDARS_FILE"),
    )
    for suffix in ("", "_FILE")
)

# And to its connectors.
CONNECTORS = ("SECRETS_KEY", "SECRETS_KEY_FILE", "SECRETS_KEYS_ALSO", "SECRETS_KEYS_ALSO_FILE")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Settings:
    """Where an embedded hub keeps its data, which systems it talks to (`systems.yaml`, whose secrets come from
    `environ`), and where it listens; port 0 takes a free one."""

    data: Path
    systems_file: Path
    host: str = "127.0.0.1"
    port: int = 8080
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def hub_url(self) -> str:
        """Broker and store of everything but the monitor."""
        return hub_url(self.data)

    @property
    def monitor_url(self) -> str:
        """The monitor's read model."""
        return f"sqlite:///{self.data.absolute() / 'monitor.sqlite'}"


def hub_url(data: Path) -> str:
    """The store of an embedded hub that keeps its data in this directory."""
    return f"sqlite:///{data.absolute() / 'hub.sqlite'}"


class Hub:
    """A running embedded hub. A context manager; `url` is where it listens, `admin_key` is set the first time only.

    Raises `OSError` where the port is taken, and `SystemsError`, before it touches the data; `SettingsError` and the
    like where the environment is wrong, and `UnknownStore`. What is wrong takes nobody the sight of the admin key."""

    def __init__(self, settings: Settings) -> None:
        listener = listen(settings.host, settings.port)
        try:
            load_systems(settings.systems_file, settings.environ)  # wrong ones are told before there is any data
            self._build(settings, listener)
        except BaseException:
            listener.close()
            raise

    def _build(self, settings: Settings, listener: socket.socket) -> None:
        coordinators = _coordinator_settings(settings)
        settings.data.mkdir(parents=True, exist_ok=True)
        token = _internal_token(settings.data)
        self._store = open_engine(settings.hub_url)
        self._index = open_engine(settings.monitor_url)
        migrate(self._store, "gateway")
        self._broker = brokers.connect(settings.hub_url, name="embedded")
        self.coordinator = create_coordinator(coordinators, self._broker, self._store)
        coordinator_app = saga_coordinator.app.create_app(self.coordinator, token)
        self._connectors = {name: self._connector(name, settings, token) for name in ADAPTERS}
        self._monitor = create_monitor(
            _monitor_settings(settings, token), self._broker, self._index, coordinator_app=coordinator_app
        )
        doors = {name: app for name, (_, app) in self._connectors.items()}
        app = _gateway(settings, token, self._store, coordinator_app, self._monitor.app, doors)
        self._server = EmbeddedServer(app, settings.host, bound_to=listener)
        self.url = self._server.url
        # Last of all: where anything is wrong, the only sight of the admin key must not be lost.
        self.admin_key = ensure_admin_key(self._store)

    def _connector(self, name: str, settings: Settings, token: str) -> tuple[connectors.Connector, ASGIApp]:
        own = connectors.Settings.from_env(
            {
                "DATABASE_URL": settings.hub_url,
                "BROKER_URL": settings.hub_url,
                "SYSTEMS_FILE": str(settings.systems_file),
                "INTERNAL_TOKEN": token,
                **_connectors_keys(settings),
            }
        )
        connector = connectors.create_worker(
            own, self._broker, connector=name, adapters=ADAPTERS[name], engine=self._store, environ=settings.environ
        )
        return connector, connectors.create_app(own, connector)

    def start(self) -> None:
        """Begin to work and to listen."""
        self.coordinator.start()
        self._monitor.start()
        for connector, _ in self._connectors.values():
            connector.start()
        self._server.start()
        log.info("hub.serves", address=self.url)

    @property
    def failed(self) -> list[str]:
        """Connectors whose worker broke: the process should end, so that somebody starts it again."""
        return [name for name, (connector, _) in self._connectors.items() if connector.failed]

    def stop(self) -> None:
        """Finish what is under way and end. What was not acknowledged is taken up at the next start."""
        self._server.stop()
        self.coordinator.stop()
        for connector, _ in self._connectors.values():
            connector.stop()
        self._monitor.stop()
        self._broker.close()
        self._store.dispose()
        self._index.dispose()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _internal_token(data: Path) -> str:
    """The token of this hub's data directory, made at its first start; readable by its owner only."""
    return _made_once(data / "internal-token", lambda: secrets.token_urlsafe(32))


def _connectors_keys(settings: Settings) -> dict[str, str]:
    """What seals secrets in the connectors' tables: a key of this hub's own where there is no other, so that nothing
    has to be configured for a first try. It can be read for ever."""
    own = _made_once(
        settings.data / "connectors-key", lambda: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    )
    given = {name: settings.environ[name] for name in CONNECTORS if name in settings.environ}
    if "SECRETS_KEY" not in given and "SECRETS_KEY_FILE" not in given:
        return {**given, "SECRETS_KEY": own}
    if "SECRETS_KEYS_ALSO_FILE" in given:
        return given
    return {**given, "SECRETS_KEYS_ALSO": f"{given.get('SECRETS_KEYS_ALSO', '')},{own}"}


def _made_once(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
    return path.read_text()


def _coordinator_settings(settings: Settings) -> saga_coordinator.settings.Settings:
    given = {name: settings.environ[name] for name in COORDINATOR if name in settings.environ}
    own = {
        "DATABASE_URL": settings.hub_url,
        "BROKER_URL": settings.hub_url,
        "CONTRACTS": str(contracts_folder()),
        "ARCHIVE_FOLDER": str(settings.data.absolute() / "archive"),
    }
    return saga_coordinator.settings.Settings.from_env({**own, **given})


def _monitor_settings(settings: Settings, token: str) -> monitor_service.settings.Settings:
    return monitor_service.settings.Settings(
        database_url=settings.monitor_url,
        broker_url=settings.hub_url,
        coordinator_url="http://local",
        internal_token=token,
    )


def _gateway(
    settings: Settings,
    token: str,
    store: Engine,
    coordinator: ASGIApp,
    monitor: ASGIApp,
    doors: Mapping[str, ASGIApp],
) -> ASGIApp:
    own = gateway.settings.Settings(
        database_url=settings.hub_url, internal_token=token, coordinator_url="", monitor_url=""
    )
    return gateway.app.create_app(own, store, coordinator=coordinator, monitor=monitor, connectors=doors)
