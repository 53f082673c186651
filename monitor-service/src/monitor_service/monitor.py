"""The composition of a monitor: the one that the process, the tests and the embedded mode use."""

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from monitor_service.api import Api
from monitor_service.app import create_app
from monitor_service.coordinator import Coordinator
from monitor_service.diagrams import Diagrams
from monitor_service.index import Index
from monitor_service.mending import Mender
from monitor_service.settings import Settings
from monitor_service.worker import JOURNAL, Worker
from service_kit.broker import Broker, Queue
from service_kit.database import migrate, reading
from service_kit.patience import Patience, Stopped

PACKAGE = "monitor_service"

_log = structlog.get_logger(__name__)


class Monitor:
    """The parts of one monitor. `start` runs them on threads of their own; they may also be run one by one."""

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        store: Engine,
        coordinator_app: ASGIApp | None = None,
        *,
        validate_responses: bool = False,
    ) -> None:
        self.settings = settings
        self.broker = broker
        self.store = store
        self.coordinator = Coordinator(settings.coordinator_url, settings.internal_token, coordinator_app)
        self.index = Index(store, settings.cached_instances)
        self._patience = Patience()
        self._prepared = threading.Event()
        self._thread: threading.Thread | None = None
        self.worker = Worker(self.index, broker, settings, self._patience)
        self.mender = Mender(self.index, store, self.coordinator, settings, self._patience)
        self.app = create_app(
            Api(store, broker, self.index, Diagrams(store, self.coordinator)),
            settings.internal_token,
            {
                "store": self._store_answers,
                "broker": broker.healthy,
                "prepared": self._prepared.is_set,
                "running": self._running,
            },
            validate_responses=validate_responses,
        )

    def prepare(self) -> None:
        """Bring tables and queue up to date, waiting for store and broker. Raises `Stopped`."""
        self._patience.with_store(lambda: migrate(self.store, PACKAGE))
        self._patience.with_broker(lambda: self.broker.declare([Queue(JOURNAL)]))
        self._prepared.set()

    def start(self) -> None:
        """Prepare and run everything in the background; returns at once."""
        self._thread = threading.Thread(target=self._prepare_and_run, name="monitor")
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Finish what is being written and stop. What was not acknowledged comes again. Broker and store stay open."""
        self._patience.stop()
        if self._thread is not None:
            self._thread.join(timeout)
        self.coordinator.close()

    def _running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _store_answers(self) -> bool:
        try:
            with reading(self.store) as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def _prepare_and_run(self) -> None:
        try:
            self.prepare()
        except Stopped:
            return
        loops = {"follow": self.worker.run, "mend": self.mender.run}
        threads = [threading.Thread(target=self._guard, args=item, name=f"monitor-{item[0]}") for item in loops.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guard(self, name: str, loop: Callable[[], None]) -> None:
        """A loop that breaks is started again: what it had not acknowledged comes again."""
        while not self._patience.stopping.is_set():
            try:
                loop()
            except Exception:
                _log.exception("monitor.loop_failed", loop=name)
                self._patience.stopping.wait(1.0)


def create_monitor(
    settings: Settings,
    broker: Broker,
    store: Engine,
    coordinator_app: ASGIApp | None = None,
    *,
    validate_responses: bool = False,
) -> Monitor:
    """A monitor on this broker and store; nothing is connected or started yet. The coordinator is called at its
    address, or directly where its app is given (embedded mode). `validate_responses` is for tests."""
    return Monitor(settings, broker, store, coordinator_app, validate_responses=validate_responses)
