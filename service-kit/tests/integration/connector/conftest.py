"""A connector on each store, with a ledger as its business system."""

import datetime
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from sqlalchemy import Engine, select

from service_kit.broker import Consumer, Delivery, Outgoing, Queue, Source
from service_kit.catalogue import Catalogue, Effect, Operation
from service_kit.connector import systems
from service_kit.connector.call import Call
from service_kit.connector.models import metadata
from service_kit.connector.process import PACKAGE, Connector, Settings, create_worker
from service_kit.connector.systems import Systems
from service_kit.database import migrate, open_engine, reading
from service_kit.messages import COMMAND, Accepted, Command, Completed, Outcome, Probed, ProbeVerdict, Reply, event
from service_kit.testing.memory import MemoryBroker

SCHEMA = {"type": "object", "properties": {"qty": {"type": "integer", "minimum": 1}}, "required": ["qty"]}
CATALOGUE = Catalogue(
    [
        Operation("books.post", "books", Effect.CREATE, probe=True, settle=0.3, timeout=7, input_schema=SCHEMA),
        Operation("books.stamp", "books", Effect.CREATE),
        Operation("books.cancel", "books", Effect.IDEMPOTENT),
        Operation("books.read", "books", Effect.READ),
        Operation("books.order", "books", Effect.CREATE, probe=True, settle=0.3, result=0.1),
    ]
)


class Books:
    """A business system in memory. `before` and `after` run around each post: raise or block there."""

    def __init__(self) -> None:
        self.posted: list[str] = []
        self.cancelled: list[str] = []
        self.calls: list[Call] = []
        self.asked_for: list[Call] = []
        self.results: dict[str, Outcome] = {}
        self.before: Callable[[Call], None] = lambda call: None
        self.after: Callable[[Call], None] = lambda call: None

    def post(self, call: Call) -> Completed:
        self.calls.append(call)
        self.before(call)
        self.posted.append(call.hub_key)
        self.after(call)
        return Completed(output={"number": f"{len(self.posted)}"}, references={"posting": f"{len(self.posted)}"})

    stamp = post

    def probe_post(self, call: Call) -> Probed:
        count = self.posted.count(call.hub_key)
        if count > 1:
            return Probed(verdict=ProbeVerdict.SEVERAL, documents=["1", "2"])
        if count == 0:
            return Probed(verdict=ProbeVerdict.ABSENT)
        return Probed(verdict=ProbeVerdict.APPLIED, output={"found": count})

    def order(self, call: Call) -> Accepted:
        self.calls.append(call)
        self.before(call)
        self.posted.append(call.hub_key)
        return Accepted(reference=f"A-{call.hub_key}")

    def probe_order(self, call: Call) -> Probed:
        return self.probe_post(call)

    def result_order(self, call: Call) -> Outcome:
        self.asked_for.append(call)
        return self.results.get(call.previous or "", Accepted(reference=call.previous))

    def cancel(self, call: Call) -> Completed:
        self.cancelled.append(call.hub_key)
        return Completed()

    def read(self, call: Call) -> Completed:
        self.calls.append(call)
        self.before(call)
        return Completed(output=len(self.posted))


class Hub:
    """The other side of the connector: sends commands, sees replies."""

    def __init__(self, engine: Engine, books: Books, folder: Path) -> None:
        self.engine = engine
        self.books = books
        self.catalogue = CATALOGUE
        self.secrets_key = self.also = ""
        self._file = folder / "systems.yaml"
        self.configure()
        self.broker = MemoryBroker()
        self.broker.declare([Queue("commands.books"), Queue("lane.0")])
        self.replies: Consumer = self.broker.consume([Source("lane.0")])
        self._connectors: list[Connector] = []
        self._numbers = itertools.count(1)

    def configure(self, **books: Any) -> None:
        """Write `systems.yaml`: what is said, for the system `books` alone."""
        entry = {"connector": "books", "adapter": "b", "concurrency": 2}
        systems = {"books": {**entry, **books}, "other": entry}
        self._file.with_suffix(".new").write_text(yaml.safe_dump({"systems": systems}))
        self._file.with_suffix(".new").rename(self._file)

    def close_books(self, hours: float = 8, **books: Any) -> int:
        """Maintenance of `books` from now on; when it ends, in ms."""
        now = datetime.datetime.now(datetime.UTC)
        begin, end = now - datetime.timedelta(minutes=1), now + datetime.timedelta(hours=hours)
        window = {"from": begin.isoformat(), "to": end.isoformat()}
        self.configure(maintenance=[window], **books)
        return round(end.timestamp() * 1000)

    def connector(self, *, lease: float = 30.0, alone: bool | None = None) -> Connector:
        settings = Settings(
            database_url="", broker_url="", lease=lease, secrets_key=self.secrets_key, secrets_keys_also=self.also
        )
        connector = create_worker(
            settings,
            self.broker,
            connector="books",
            adapters={"b": lambda system, mappings: self.books},
            catalogue=self.catalogue,
            systems=Systems("books", self._file),
            engine=self.engine,
        )
        connector.start(alone=alone)
        self._connectors.append(connector)
        return connector

    def command(self, operation: str = "books.post", **values: Any) -> Command:
        number = next(self._numbers)
        defaults: dict[str, Any] = {
            "id": f"i.{number}.1",
            "kind": "execute",
            "instance": "i",
            "step": number,
            "attempt": 1,
            "system": "books",
            "hub_key": f"KEY{number:09}",
            "reply_to": "lane.0",
            "input": {"qty": 1},
        }
        return msgspec.convert({**defaults, "operation": operation, **values}, Command)

    def send(self, *commands: Command, traceparent: str | None = None) -> None:
        events = [event(COMMAND, "test", command, id_=command.id, traceparent=traceparent) for command in commands]
        self.broker.publish([Outgoing("commands.books", item) for item in events])

    def probe(self, sealed: Command, number: int = 1) -> Command:
        return msgspec.structs.replace(sealed, id=f"{sealed.id}p{number}", kind="probe", seals=sealed.id)

    def next_delivery(self) -> Delivery:
        found = self.replies.take(1, 10)
        assert found, "there was no reply"
        self.replies.ack(found)
        return found[0]

    def next_reply(self) -> Reply:
        return msgspec.json.decode(self.next_delivery().event.data, type=Reply)

    def next_outcome(self) -> Any:
        return self.next_reply().outcome

    def ask(self, command: Command) -> Any:
        """Send, and wait for its reply."""
        self.send(command)
        reply = self.next_reply()
        assert reply.command == command.id
        return reply.outcome

    def probe_until_known(self, sealed: Command) -> Probed:
        for number in itertools.count(1):
            outcome = self.ask(self.probe(sealed, number))
            assert isinstance(outcome, Probed), outcome
            if outcome.verdict is not ProbeVerdict.PENDING:
                return outcome
        raise AssertionError

    def nothing_in_flight(self) -> bool:
        """Whether every command was taken, and answered or kept."""
        return self.all_answered()

    def told(self) -> dict[str, Any]:
        """The outcomes that are told within a moment, by the reply's id."""
        found: dict[str, Any] = {}
        while deliveries := self.replies.take(100, 1.2):
            self.replies.ack(deliveries)
            replies = [msgspec.json.decode(delivery.event.data, type=Reply) for delivery in deliveries]
            found |= {reply.id: reply.outcome for reply in replies}
        return found

    def stored(self) -> str:
        """Everything that lies in the connector's tables."""
        with reading(self.engine) as connection:
            return str([connection.execute(select(table)).all() for table in metadata.sorted_tables])

    def all_answered(self) -> bool:
        return self.broker.depth("commands.books") == 0 and all(c.in_flight == 0 for c in self._connectors)

    def close(self) -> None:
        for connector in self._connectors:
            connector.stop()


class Gate:
    """Blocks who passes until it is opened; `reached` tells that somebody waits."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, call: Call) -> None:
        self.reached.set()
        assert self._open.wait(20)

    def open(self) -> None:
        self._open.set()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hub.db"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_engine(store_url)
    migrate(engine, PACKAGE)
    yield engine
    engine.dispose()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def hub(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(systems, "CHECK_INTERVAL", 0.05)
    hub = Hub(engine, Books(), tmp_path)
    yield hub
    hub.close()
