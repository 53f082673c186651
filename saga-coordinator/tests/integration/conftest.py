"""A hub without services: a store, a broker and a fake connector, on both pairs."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine, delete, func, select, update

from saga_coordinator import bpmn, wire
from saga_coordinator.app import create_app
from saga_coordinator.chains import Item
from saga_coordinator.context import Done
from saga_coordinator.coordinator import Coordinator, create_coordinator
from saga_coordinator.correlation import Routed
from saga_coordinator.engine import InstanceState, fold
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Expression, Process
from saga_coordinator.lanes import EVENTS, JOURNAL, lane_of, lane_queues, lane_sources
from saga_coordinator.models import journal, messages, metadata, snapshots, subscriptions
from saga_coordinator.registry import Parse
from saga_coordinator.settings import Settings
from saga_coordinator.starts import start
from saga_coordinator.store.instances import Instance
from saga_coordinator.turn import Turn
from service_kit import calendars, expressions
from service_kit.broker import Broker, Consumer, Delivery, Outgoing, Queue, Source, connect
from service_kit.catalogue import Catalogue, Effect, Operation, Undo
from service_kit.database import is_sqlite, migrate, open_engine, reading, writing
from service_kit.http import InternalAuth
from service_kit.messages import (
    JOURNAL_ENTRY,
    REPLY,
    CloudEvent,
    Command,
    CommandKind,
    Completed,
    JournalEntry,
    Outcome,
    Probed,
    ProbeVerdict,
    Reply,
    event,
)
from service_kit.testing.waiting import until

PROCESSES = Path(__file__).parent / "processes"
UNDO = Undo("erp.cancel-order", "input")
CATALOGUE = Catalogue(
    [
        Operation("erp.touch", "erp", Effect.IDEMPOTENT),
        Operation("erp.create-order", "erp", Effect.CREATE, undo=UNDO, probe=True, settle=1),
        Operation("erp.cancel-order", "erp", Effect.IDEMPOTENT),
        Operation(
            "erp.open-account",
            "erp",
            Effect.CREATE,
            undo=Undo("erp.close-account", '{"token": output.token}'),
            probe=True,
            settle=0.001,
            output_schema={"type": "object", "properties": {"token": {"type": "string", "x-secret": True}}},
        ),
        Operation(
            "erp.close-account",
            "erp",
            Effect.IDEMPOTENT,
            input_schema={"type": "object", "properties": {"token": {"type": "string", "x-secret": True}}},
        ),
        Operation("erp.post", "erp", Effect.CREATE, undo=UNDO, probe=True, settle=0.001, timeout=0.001),
    ]
)
CALENDARS = calendars.read({"always": {"week": {"mon-sun": ["00:00-24:00"]}}})
Answer = Callable[[Command], Outcome | None]


def parse(xml: bytes, process_id: str, decisions: Mapping[str, Expression] | None = None) -> Process:
    return bpmn.parse(
        xml,
        catalogue=CATALOGUE,
        compile=expressions.compile,
        process_id=process_id,
        decisions=decisions,
        calendars=CALENDARS,
    )


def complete(command: Command) -> Outcome | None:
    if command.kind is CommandKind.PROBE:
        return Probed(verdict=ProbeVerdict.APPLIED)
    return Completed(output={})


class Connector:
    """Answers commands by `answer`, the same one always in the same way; None: it says nothing."""

    def __init__(self, broker: Broker) -> None:
        self.answer: Answer = complete
        self.commands: list[Command] = []
        self.traces: list[Any] = []
        self._broker = broker
        self._inbox: dict[str, Outcome | None] = {}
        self._consumer = broker.consume([Source("commands.erp")])

    @property
    def done(self) -> set[str]:
        """The ids of the commands that were carried out."""
        return set(self._inbox)

    def step(self, timeout: float = 0.02) -> int:
        deliveries = self._consumer.take(100, timeout)
        for delivery in deliveries:
            command = msgspec.json.decode(delivery.event.data, type=Command)
            self.commands.append(command)
            self.traces.append(delivery.event.traceparent)
            if command.id not in self._inbox:
                self._inbox[command.id] = self.answer(command)
            outcome = self._inbox[command.id]
            if outcome is not None:
                self._broker.publish([reply_to(command, outcome)])
        self._consumer.ack(deliveries)
        return len(deliveries)

    def close(self) -> None:
        self._consumer.close()


def reply_to(command: Command, outcome: Outcome) -> Outgoing:
    reply = Reply(
        id=f"{command.id}:r",
        command=command.id,
        instance=command.instance,
        step=command.step,
        attempt=command.attempt,
        outcome=outcome,
    )
    return Outgoing(command.reply_to, event(REPLY, "test", reply, id_=reply.id))


class Hub:
    """Everything that a test needs; nothing runs by itself."""

    processes = PROCESSES
    parse = staticmethod(parse)

    def __init__(self, database_url: str, broker_url: str) -> None:
        self.database_url = database_url
        self.broker_url = broker_url
        self.store: Engine = open_engine(database_url)
        self._closing: list[Callable[[], None]] = [self.store.dispose]
        self.broker = self.new_broker()
        self.broker.declare([*lane_queues(2), Queue(EVENTS), Queue(JOURNAL), Queue("commands.erp")])
        migrate(self.store, "saga_coordinator")
        with writing(self.store) as connection:  # a server's database is shared by the tests of a module
            for table in metadata.sorted_tables:
                connection.execute(delete(table))
        self.connector = Connector(self.broker)
        self._closing.append(self.connector.close)
        self.coordinator = self.new_coordinator()
        self.service = self.coordinator.service
        self._lanes: Consumer | None = None
        self._events: Consumer | None = None

    def new_broker(self) -> Broker:
        broker = connect(self.broker_url, name="test")
        self._closing.append(broker.close)
        return broker

    def new_coordinator(self, broker: Any = None, parse: Parse = parse, **changes: Any) -> Coordinator:
        given = {"lanes": 2, "timer_republish": 30.0, "suspension_interval": 0.0, **changes}
        settings = Settings(self.database_url, self.broker_url, **given)
        return create_coordinator(settings, broker or self.broker, self.store, parse)

    def deploy(self, *names: str) -> None:
        for name in names:
            self.service.deploy((PROCESSES / f"{name}.bpmn").read_bytes(), name)

    def lanes(self) -> Consumer:
        """One consumer of all lanes, whoever handles what it takes: so a test says who gets what."""
        if self._lanes is None:
            self._lanes = self.broker.consume(self.sources())
            self._closing.append(self._lanes.close)
        return self._lanes

    @property
    def on_postgresql(self) -> bool:
        return not is_sqlite(self.store)

    def left(self) -> dict[str, int]:
        """How many rows wait for somebody."""
        with reading(self.store) as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in (messages, subscriptions)
            }

    def new_start(self, process: str, version: int = 1, **fields: Any) -> i.Start:
        return start(process, version, **fields)

    def lane_event(self, input_: i.Input) -> Outgoing:
        return wire.input_event(input_, 2)

    def route_event(self, type_: str, subject: str, data: Any, id_: str) -> Routed:
        """Route an event without a broker: what comes of it is not published."""
        delivery = Delivery(event(type_, "test", data, id_=id_, subject=subject), EVENTS, 1, None)
        return self.coordinator.patience.with_store(lambda: self.coordinator.correlator.route([delivery]))

    def replayed(self, instance: str) -> InstanceState:
        """The state that all rows tell, whatever snapshots say."""
        state = InstanceState(id=instance)
        for row in self.service.whole_journal(instance):
            state = fold(state, wire.facts_of(row), seq=row.seq, at=row.at)
        return state

    def spoil_snapshots(self) -> None:
        with writing(self.store) as connection:
            assert connection.execute(update(snapshots).values(state=b'{"from":"another version"}')).rowcount

    def write_facts(self, instance: str, seq: int, facts: bytes) -> None:
        where = (journal.c.instance_id == instance) & (journal.c.seq == seq)
        with writing(self.store) as connection:
            connection.execute(update(journal).where(where).values(facts=facts))

    def sources(self) -> list[Source]:
        return lane_sources(2, frozenset(), 64)

    def until(self, condition: Callable[[], Any]) -> None:
        until(condition)

    def item(self, input_: i.Input, deliveries: int = 1) -> Item:
        return Item(Delivery(wire.input_event(input_, 2).event, "lane.0", deliveries, None), input_)

    def decide(self, coordinator: Coordinator, items: list[Item]) -> Done:
        """What the coordinator does with these inputs, without a broker."""
        return coordinator.patience.with_store(lambda: Turn(coordinator.context, items).run())

    def lives(self, coordinator: Coordinator, long_enough: Callable[[], Any], death: type[BaseException]) -> int:
        """Let it handle what waits with a consumer of its own; 1 if it died, 0 if it was long enough."""
        consumer = self.broker.consume(self.sources())
        try:
            until(lambda: coordinator.worker.step(consumer, 1.0) + 1 and long_enough())
        except death:
            return 1
        finally:
            consumer.close()
        return 0

    def rows(self, instances: list[str]) -> list[Instance]:
        return list(self.service.instances(instances).values())

    def turn(self, coordinator: Coordinator | None = None, timeout: float = 0.02) -> int:
        """Let a coordinator take what waits, once."""
        coordinator = coordinator or self.coordinator
        return coordinator.worker.step(self.lanes(), timeout)

    def route(self, timeout: float = 0.02) -> int:
        """Let the coordinator route the events that wait, once."""
        if self._events is None:
            self._events = self.broker.consume([Source(EVENTS)])
            self._closing.append(self._events.close)
        return self.coordinator.events.step(self._events, timeout)

    def drive(self, done: Callable[[], Any], *coordinators: Coordinator) -> None:
        """Let everything run, part by part, until `done()`."""

        def step() -> bool:
            for coordinator in coordinators or (self.coordinator,):
                coordinator.suspender.look()
                self.turn(coordinator)
            self.route()
            self.connector.step()
            self.coordinator.timekeeper.publish_due()
            return bool(done())

        until(step, timeout=30)

    def start(self, process: str, version: int = 1, **fields: Any) -> i.Start:
        input_ = start(process, version, **fields)
        self.service.submit(input_)
        return input_

    def publish(self, type_: str, subject: str, data: Any, id_: str, traceparent: str | None = None) -> None:
        sent = event(type_, "test", data, id_=id_, subject=subject, traceparent=traceparent)
        self.broker.publish([Outgoing(EVENTS, sent)])

    def send(self, outgoing: CloudEvent, instance: str) -> None:
        self.broker.publish([Outgoing(lane_of(instance, 2), outgoing)])

    def input_ids(self, instance: str) -> list[str]:
        return [row.input_id for row in self.service.journal(instance)]

    def status(self, instance: str) -> str:
        found = self.service.instances([instance])
        return found[instance].status if found else ""

    def state(self, instance: str) -> InstanceState:
        return self.service.load(instance)

    def started(self) -> list[str]:
        with reading(self.store) as connection:
            return sorted(connection.scalars(select(journal.c.instance_id).where(journal.c.seq == 1)))

    def followed(self) -> list[JournalEntry]:
        """The journal entries that were published and nobody has taken yet."""
        consumer = self.broker.consume([Source(JOURNAL)])
        entries = []
        while deliveries := consumer.take(500, 0.2):
            told = [d.event.data for d in deliveries if d.event.type == JOURNAL_ENTRY]
            entries += [msgspec.json.decode(data, type=JournalEntry) for data in told]
            consumer.ack(deliveries)
        consumer.close()
        return entries

    def dead_letters(self) -> int:
        return self.broker.depth("dead-letters")

    def close(self) -> None:
        for close in reversed(self._closing):
            close()


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
        hub = Hub(url, url)
    else:
        database = request.getfixturevalue("module_database")
        amqp = request.getfixturevalue("amqp_url")
        hub = Hub(database, f"{amqp}?prefix=test-{uuid.uuid4().hex[:12]}.&expires=120")
    yield hub
    hub.close()


API_TOKEN = "internal"


@asynccontextmanager
async def serving(hub: Hub, coordinator: Coordinator) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a coordinator that runs, and a connector that answers."""
    coordinator.start()
    transport = httpx.ASGITransport(create_app(coordinator, API_TOKEN, validate_responses=True))
    connector = asyncio.create_task(_answer(hub))
    async with httpx.AsyncClient(transport=transport, base_url="http://c", auth=InternalAuth(API_TOKEN)) as client:
        yield client
    connector.cancel()
    await asyncio.gather(connector, return_exceptions=True)
    await asyncio.to_thread(coordinator.stop)


async def _answer(hub: Hub) -> None:
    step = asyncio.create_task(asyncio.to_thread(hub.connector.step))
    try:
        while True:
            await asyncio.shield(step)
            step = asyncio.create_task(asyncio.to_thread(hub.connector.step))
    finally:
        await step  # its thread uses the consumer, which is closed next


@pytest.fixture
def serve(hub: Hub) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """`serve(**settings)` is a client of the API of a coordinator with these settings."""
    return lambda **settings: serving(hub, hub.new_coordinator(**settings))
