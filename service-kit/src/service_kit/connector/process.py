"""A connector process: one composition, for services mode, embedded mode and tests."""

import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.types import ASGIApp

from service_kit import database, logs, tracing
from service_kit.broker import Broker, connect
from service_kit.catalogue import Catalogue
from service_kit.connector.call import AdapterFactory
from service_kit.connector.events import Poller
from service_kit.connector.inbox import Inbox
from service_kit.connector.keeper import Keeper
from service_kit.connector.lease import Lease
from service_kit.connector.mapping import Mappings
from service_kit.connector.operations import Operations
from service_kit.connector.pace import Pace
from service_kit.connector.results import Results
from service_kit.connector.safe import Safe
from service_kit.connector.systems import Systems
from service_kit.connector.worker import Worker
from service_kit.database import is_sqlite, now_ms, open_engine, reading
from service_kit.ids import new_id
from service_kit.sealing import master_key, master_keys
from service_kit.settings import SettingsError, read_settings

PACKAGE = "service_kit.connector"
PURGE_EVERY = 3600.0
EARLY_RESULTS_MS = 7 * 86_400_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Settings:
    """What a connector process is told by its environment. `lease` in seconds; `inbox_days` is how long outcomes are
    remembered, and must be longer than any command can be open; `internal_token` guards the REST door.
    `secrets_key` (32 bytes, base64; the same for all processes of this connector) seals what is marked `x-secret`;
    `secrets_keys_also` (separated by commas) can be read besides, while it is being changed."""

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    systems_file: Path = Path("systems.yaml")
    mappings_dir: Path | None = None
    openapi_dir: Path | None = None
    internal_token: str | None = field(default=None, repr=False)
    secrets_key: str = field(default="", repr=False)
    secrets_keys_also: str = field(default="", repr=False)
    bind: str = "0.0.0.0:8080"
    lease: float = 5.0
    inbox_days: float = 90.0
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises `SettingsError`, which names every key that is missing or wrong."""
        settings = read_settings(cls, environ)
        for name, text in (("SECRETS_KEY", settings.secrets_key), ("SECRETS_KEYS_ALSO", settings.secrets_keys_also)):
            try:
                master_keys(text)
            except ValueError as error:
                raise SettingsError([], [f"{name} {error}"]) from error
        return settings


class Connector:
    """A running connector: its worker, lease, event pollers and what its REST door needs."""

    def __init__(
        self, name: str, settings: Settings, engine: Engine, broker: Broker, inbox: Inbox, lease: Lease, ops: Operations
    ) -> None:
        self.name = name
        self.results = Results(inbox)
        self.engine = engine
        self.broker = broker
        self.inbox = inbox
        self.operations = ops
        self._settings = settings
        self._lease = lease
        self._worker = Worker(name, broker, inbox, ops, Keeper(broker, inbox, ops))
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def in_flight(self) -> int:
        """How many commands were taken and not answered yet."""
        return self._worker.in_flight

    def start(self, *, alone: bool | None = None) -> None:
        """Migrate, take the lease and begin to work, on threads.

        `alone`: no other process of this connector lives on this store (by default: if it is SQLite).
        """
        database.migrate(self.engine, PACKAGE)
        self._lease.start(alone=is_sqlite(self.engine) if alone is None else alone)
        self._spawn("worker", self._worker.run)
        self._spawn("purge", self._purge)
        for system, source in self.operations.event_sources():
            poller = Poller(
                f"{self.name}/{system}",
                source,
                self.engine,
                self.broker,
                partial(self.results.tell, system),
                partial(self._is_open, system),
            )
            self._spawn("events", poller.run, self._stopping)

    def stop(self) -> None:
        """Finish what is being carried out, then end. The broker and the engine stay open."""
        self._stopping.set()
        self._worker.stop()
        for thread in self._threads:
            thread.join()
        self._lease.stop()
        self.operations.close()

    @property
    def failed(self) -> bool:
        """Whether a thread of it has ended by an error: the process must end too, for what it was doing is not known
        any more."""
        return not self._stopping.is_set() and not all(thread.is_alive() for thread in self._threads)

    def ready(self) -> bool:
        """Whether it can take work: alive, with its lease, the broker there."""
        return not self.failed and self._lease.valid() and self.broker.healthy()

    def _is_open(self, system: str) -> bool:
        return self.operations.gate(system).until is None

    def _spawn(self, name: str, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name=f"{self.name}-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _purge(self) -> None:
        while not self._stopping.is_set():
            try:
                with reading(self.engine) as connection:
                    now = now_ms(connection)
                before = now - round(self._settings.inbox_days * 86_400_000)
                while self.inbox.purge(before) and not self._stopping.is_set():
                    pass
                self.results.purge(now - EARLY_RESULTS_MS)
            except SQLAlchemyError as error:
                log.warning("inbox.not_purged", error=type(error).__name__)
            self._stopping.wait(PURGE_EVERY)


def create_worker(
    settings: Settings,
    broker: Broker,
    *,
    connector: str,
    adapters: Mapping[str, AdapterFactory],
    catalogue: Catalogue | None = None,
    systems: Systems | None = None,
    engine: Engine | None = None,
    environ: Mapping[str, str] | None = None,
) -> Connector:
    """Put a connector together; `start` it, `stop` it. What is not given is read as the settings say.

    Raises `CatalogueError`, `SystemsError`, `SecretsKeyMissing` and, when a system is first used, `MappingError`.
    """
    engine = engine or open_engine(settings.database_url)
    catalogue = catalogue or Catalogue.load(_contracts(settings)).of(connector)
    systems = systems or Systems(connector, settings.systems_file, environ)
    owner = f"{connector}:{new_id()}"
    lease = Lease(engine, owner, settings.lease)

    operations = Operations(
        catalogue,
        systems,
        adapters,
        lambda name: mappings_of(settings, name, adapters),
        lease.permit,
        Pace(engine, connector).enter,
    )
    safe = Safe(master_key(settings.secrets_key), catalogue, master_keys(settings.secrets_keys_also))
    inbox = Inbox(engine, owner, safe)
    return Connector(connector, settings, engine, broker, inbox, lease, operations)


def create_app(settings: Settings, connector: Connector) -> ASGIApp:
    """The REST door of a connector that `create_worker` made."""
    from service_kit.connector.door import Door
    from service_kit.http import InternalGuard
    from service_kit.http import create_app as create_kit_app

    door = Door(connector.name, connector.operations, connector.inbox)
    return create_kit_app(
        _contracts(settings) / "connectors" / f"{connector.name}.yaml",
        {operation.name: door.handler(operation) for operation in connector.operations.catalogue.values()}
        | {"tell_result": door.tell},
        service=f"connector-{connector.name}",
        guard=InternalGuard(settings.internal_token) if settings.internal_token else None,
        checks={"worker": connector.ready},
    )


def run(connector: str, adapters: Mapping[str, AdapterFactory], environ: Mapping[str, str]) -> None:
    """The whole process: worker and REST door, until SIGTERM or SIGINT."""
    from service_kit.http.server import EmbeddedServer

    settings = Settings.from_env(environ)
    logs.configure(f"connector-{connector}", settings.log_level)
    tracing.configure_from(environ, f"connector-{connector}")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    broker = connect(settings.broker_url, name=f"connector-{connector}")
    worker = create_worker(settings, broker, connector=connector, adapters=adapters, environ=environ)
    try:
        _start(worker, stopping)
        host, _, port = settings.bind.rpartition(":")
        with EmbeddedServer(create_app(settings, worker), host, int(port)) as server:
            log.info("connector.serves", address=server.url)
            while not stopping.wait(1) and not worker.failed:
                pass
    finally:
        failed = worker.failed
        worker.stop()
        broker.close()
        worker.engine.dispose()
    if failed:
        raise SystemExit(f"the connector {connector} failed; the log says why")


def _start(connector: Connector, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            connector.start()
            return
        except DBAPIError as error:
            if not database.is_gone(error):
                raise
            log.warning("connector.waits", waits_for="store", error=type(error).__name__)
            stopping.wait(1)


def _contracts(settings: Settings) -> Path:
    from service_kit.http.contracts import contracts_folder

    return settings.openapi_dir or contracts_folder()


def mappings_of(settings: Settings, adapter: str, adapters: Mapping[str, AdapterFactory]) -> Mappings:
    """The mappings of one adapter: those in its package, below `MAPPINGS_DIR` those that replace them."""
    package = sys.modules.get((adapters[adapter].__module__ or "").partition(".")[0])
    folders = [Path(package.__file__).parent / "mappings" / adapter] if package and package.__file__ else []
    if settings.mappings_dir is not None:
        folders.append(settings.mappings_dir / adapter)
    return Mappings(*(folder for folder in folders if folder.is_dir()))
