"""The composition of a coordinator: the one that the process, the tests and the embedded mode use."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from saga_coordinator import bpmn
from saga_coordinator.cache import Cache
from saga_coordinator.clock import Clock
from saga_coordinator.context import Context
from saga_coordinator.correlation import Correlator
from saga_coordinator.decisions import Decisions
from saga_coordinator.engine.process import Expression, Process
from saga_coordinator.erasing import Eraser
from saga_coordinator.errors import WrongSecretsKey
from saga_coordinator.events import EventWorker
from saga_coordinator.lanes import EVENTS, JOURNAL, lane_queues
from saga_coordinator.operating import Operating
from saga_coordinator.registry import Parse, Registry
from saga_coordinator.retention import Retention
from saga_coordinator.service import Service
from saga_coordinator.settings import Settings
from saga_coordinator.suspender import Suspender
from saga_coordinator.suspensions import Suspensions
from saga_coordinator.sweep import Sweep
from saga_coordinator.timers import Timekeeper
from saga_coordinator.vault import Vault
from saga_coordinator.worker import Worker
from service_kit import calendars, expressions
from service_kit.broker import Broker, Queue
from service_kit.catalogue import Catalogue
from service_kit.database import migrate, reading
from service_kit.http.contracts import contracts_folder
from service_kit.patience import Patience, Stopped
from service_kit.sealing import master_key, master_keys

_log = structlog.get_logger(__name__)


class Coordinator:
    """The parts of one coordinator. `start` runs them on threads of their own; they may also be run one by one."""

    def __init__(self, settings: Settings, broker: Broker, store: Engine, parse: Parse) -> None:
        self.settings = settings
        self.broker = broker
        self.store = store
        self.patience = Patience()
        self.clock = Clock(store)
        self.parse = parse
        self.decisions = Decisions(store, self.clock)
        self.registry = Registry(store, parse, self.decisions)
        self.vault = Vault(store, master_key(settings.secrets_key), master_keys(settings.secrets_keys_also))
        cache = Cache(settings.cached_instances)
        self.suspensions = Suspensions(store, settings.suspension_interval)
        self.context = Context(store, self.registry, self.clock, cache, settings, self.vault, self.suspensions)
        self.correlator = Correlator(store, self.registry, self.clock, settings)
        self.worker = Worker(self.context, broker, self.patience)
        self.events = EventWorker(self.correlator, broker, settings, self.patience)
        self.timekeeper = Timekeeper(store, broker, self.clock, settings, self.patience, self.registry)
        eraser = Eraser(store, broker, self.clock, settings)
        self.retention = Retention(store, broker, self.registry, self.clock, settings, self.patience, eraser)
        self.service = Service(
            store, broker, self.registry, parse, self.clock, settings, self.vault, self.decisions, eraser
        )
        self.sweep = Sweep(store, broker, self.clock, settings, self.patience, self.vault, self.suspensions)
        self.suspender = Suspender(store, broker, self.clock, settings, self.patience)
        self.operating = Operating(store, self.clock, self.service, self.suspensions)
        self._threads: list[threading.Thread] = []
        self._ready = threading.Event()

    def prepare(self) -> None:
        """Bring tables and queues up to date, waiting for store and broker. Raises `Stopped`, and `WrongSecretsKey`."""
        self.patience.with_store(lambda: migrate(self.store, "saga_coordinator"))
        self.patience.with_store(self.vault.check)
        queues = [*lane_queues(self.settings.lanes), Queue(EVENTS), Queue(JOURNAL)]
        self.patience.with_broker(lambda: self.broker.declare(queues))
        self._ready.set()

    def start(self) -> None:
        """Prepare and run everything in the background; returns at once."""
        housekeeping = (self.timekeeper.run, self.sweep.run, self.suspender.run, self.retention.run)
        loops = (self.worker.run, self.events.run, *housekeeping)
        starter = threading.Thread(target=self._prepare_and_run, args=(loops,), name="coordinator")
        self._threads = [starter]
        starter.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Finish what is under way and stop. What was not acknowledged comes again elsewhere."""
        self.patience.stop()
        for thread in self._threads:
            thread.join(timeout)

    def readiness(self) -> dict[str, bool]:
        """Whether store and broker can be reached, tables and queues are prepared, and the loops run."""
        return {
            "store": self._store_answers(),
            "broker": self.broker.healthy(),
            "prepared": self._ready.is_set(),
            "running": any(thread.is_alive() for thread in self._threads),
        }

    def _store_answers(self) -> bool:
        try:
            with reading(self.store) as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def _prepare_and_run(self, loops: tuple[Callable[[], None], ...]) -> None:
        try:
            self.prepare()
        except Stopped:
            return
        except WrongSecretsKey as error:
            _log.critical("coordinator.cannot-start", reason=str(error))
            return
        threads = [threading.Thread(target=self._guard, args=(loop,), name=_name(loop)) for loop in loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guard(self, loop: Callable[[], None]) -> None:
        """A loop that breaks is started again: its inputs were not acknowledged and come again, alone if need be."""
        while not self.patience.stopping.is_set():
            try:
                loop()
            except BaseException:  # whatever it was: to the inputs it is the same as if the process had died
                _log.exception("coordinator.loop-failed", loop=_name(loop))
                self.patience.stopping.wait(1.0)


def _name(loop: Callable[[], None]) -> str:
    return type(getattr(loop, "__self__", None)).__name__


def create_coordinator(settings: Settings, broker: Broker, store: Engine, parse: Parse | None = None) -> Coordinator:
    """A coordinator on this broker and store; nothing is connected or started yet. `parse` makes a process of a file
    and the id of a process in it; by default with the catalogue of `settings.contracts`."""
    return Coordinator(settings, broker, store, parse or parser(settings.contracts, settings.calendars_file))


def parser(contracts: str = "", calendars_file: str = "") -> Parse:
    """Parses against the catalogue in the folder `contracts` ("": this installation's) and the calendars of a file ("":
    there are none), which are read once. Raises `CatalogueError` and `CalendarError`."""
    catalogue = Catalogue.load(Path(contracts) if contracts else contracts_folder())
    known = calendars.load(Path(calendars_file)) if calendars_file else {}

    def parse(xml: bytes, process_id: str, decisions: Mapping[str, Expression] | None = None) -> Process:
        return bpmn.parse(
            xml,
            catalogue=catalogue,
            compile=expressions.compile,
            process_id=process_id,
            decisions=decisions,
            calendars=known,
        )

    return parse
