"""A monitor on both pairs, and a stand-in for the coordinator that knows some journals."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from monitor_service.monitor import Monitor, create_monitor
from monitor_service.settings import Settings
from monitor_service.worker import JOURNAL
from service_kit.broker import Broker, Outgoing, Source, connect
from service_kit.database import open_engine
from service_kit.http.server import EmbeddedServer
from service_kit.messages import JOURNAL_ENTRY, CloudEvent, JournalEntry

TOKEN = "internal"
DIAGRAM = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="p">
<serviceTask id="order" name="Create sales order"/></process></definitions>"""


class FakeCoordinator:
    """Answers for the journals in `journals`. `away`: it does not."""

    def __init__(self) -> None:
        self.journals: dict[str, list[JournalEntry]] = {}
        self.to_forget: dict[str, tuple[int, bool]] = {}
        self.away = False
        self.asked: list[str] = []
        self.app = Router(
            [
                Route("/instances/{id}/journal", self._journal),
                Route("/digests", self._digests),
                Route("/forgotten", self._forgotten),
                Route("/processes/{process}/versions/{version}/xml", self._xml),
            ]
        )

    def knows(self, *entries: JournalEntry) -> None:
        for entry in entries:
            self.journals.setdefault(entry.instance, []).append(entry)

    async def _journal(self, request: Request) -> Response:
        instance, first = request.path_params["id"], int(request.query_params["from"])
        self.asked.append(f"{instance} from {first}")
        if self.away:
            return JSONResponse({}, 503)
        if instance not in self.journals:
            return JSONResponse({}, 404)
        limit = int(request.query_params["limit"])
        rows = [entry for entry in self.journals[instance] if entry.seq >= first][:limit]
        return Response(msgspec.json.encode({"items": rows}), media_type="application/json")

    async def _digests(self, request: Request) -> Response:
        after, limit = request.query_params["after"], int(request.query_params["limit"])
        self.asked.append(f"digests since {request.query_params['since']}")
        if self.away:
            return JSONResponse({}, 503)
        page = sorted(id_ for id_ in self.journals if id_ > after)[:limit]
        return JSONResponse({"items": [{"instance": id_, "seq": len(self.journals[id_])} for id_ in page]})

    def forgets(self, instance: str, up_to: int, *, purged: bool = False) -> None:
        self.to_forget[instance] = (up_to, purged)
        if purged:
            self.journals.pop(instance, None)

    async def _forgotten(self, request: Request) -> Response:
        after, limit = request.query_params["after"], int(request.query_params["limit"])
        if self.away:
            return JSONResponse({}, 503)
        page = sorted(id_ for id_ in self.to_forget if id_ > after)[:limit]
        items = [{"instance": id_, "up_to": self.to_forget[id_][0], "purged": self.to_forget[id_][1]} for id_ in page]
        return JSONResponse({"items": items})

    async def _xml(self, request: Request) -> Response:
        self.asked.append(f"diagram {request.path_params['process']} {request.path_params['version']}")
        return Response(DIAGRAM, 503 if self.away else 200, media_type="application/xml")


class Hub:
    """A broker, a store, a coordinator that is not one, and monitors on them. Nothing runs by itself."""

    def __init__(self, database_url: str, broker_url: str) -> None:
        self.database_url = database_url
        self.broker_url = broker_url
        self._closing: list[Callable[[], None]] = []
        self.broker = self._broker()
        self.store: Engine = open_engine(database_url)
        self._closing.append(self.store.dispose)
        self.coordinator = FakeCoordinator()
        self.monitor = self.new_monitor()
        self.monitor.prepare()

    def _broker(self) -> Broker:
        broker = connect(self.broker_url, name="test")
        self._closing.append(broker.close)
        return broker

    def new_monitor(self, **changes: Any) -> Monitor:
        """One with a memory of its own, on the same store."""
        settings = Settings(self.database_url, self.broker_url, "", TOKEN, **changes)
        monitor = create_monitor(settings, self.broker, self.store, self.coordinator.app, validate_responses=True)
        self._closing.append(monitor.stop)
        return monitor

    def client(self, monitor: Monitor | None = None) -> httpx.Client:
        """The monitor's API over HTTP."""
        server = EmbeddedServer((monitor or self.monitor).app)
        server.start()
        client = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
        self._closing += [server.stop, client.close]
        return client

    def publish(self, *entries: JournalEntry) -> None:
        """As the coordinator does."""
        self.broker.publish([Outgoing(JOURNAL, _event(entry)) for entry in entries])

    def publish_raw(self, event: CloudEvent) -> None:
        self.broker.publish([Outgoing(JOURNAL, event)])

    def follow(self, count: int, monitor: Monitor | None = None) -> None:
        """Let a monitor take so many entries from the queue."""
        consumer = self.broker.consume([Source(JOURNAL)])
        taken = 0
        while taken < count:
            taken += (monitor or self.monitor).worker.step(consumer, 5.0)
        consumer.close()

    def queued(self) -> int:
        return self.broker.depth(JOURNAL)

    def dead_letters(self) -> int:
        return self.broker.depth("dead-letters")

    def close(self) -> None:
        for close in reversed(self._closing):
            close()


def _event(entry: JournalEntry) -> CloudEvent:
    id_ = f"{entry.instance}:{entry.seq}"
    return CloudEvent(id=id_, source="test", type=JOURNAL_ENTRY, data=msgspec.Raw(msgspec.json.encode(entry)))


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    if request.param == "sqlite":
        hub = Hub(f"sqlite:///{tmp_path / 'monitor.sqlite'}", f"sqlite:///{tmp_path / 'hub.sqlite'}")
    else:
        database = request.getfixturevalue("postgres_database")
        amqp = request.getfixturevalue("amqp_url")
        hub = Hub(database, f"{amqp}?prefix=test-{uuid.uuid4().hex[:12]}.&expires=120")
    yield hub
    hub.close()
