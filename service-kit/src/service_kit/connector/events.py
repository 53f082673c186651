"""Business events out of systems that must be asked for them: polling, with a watermark kept in the store.

An adapter whose system has events offers `def events(self, watermark: str | None) -> Page`: what happened since the
watermark (None: the first time ever). A page is published before its watermark is stored, so each event is delivered at
least once; its id is the same every time.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from service_kit import tracing
from service_kit.broker import Broker, BrokerError, Outgoing, Queue
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.results import Ambiguous, LateResult
from service_kit.database import now_ms, reading, writing
from service_kit.messages import CloudEvent, event

EVENTS = "events"
INTERVAL = 2.0

log = structlog.get_logger(__name__)


class BusinessEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a system. `id` is unique and stable there (`{document}:{version}`), `type` is like
    `crm.order.confirmed`, `subject` the document's number, `data` the canonical document, `time` RFC 3339."""

    id: str
    type: str
    subject: str
    data: Any
    time: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Events in order (a `CloudEvent` goes out as it is), the watermark after them, and whether there are more now.
    `results`: what was found to be finished of what the system had accepted."""

    events: Sequence[BusinessEvent | CloudEvent]
    watermark: str | None
    more: bool = False
    results: Sequence[LateResult] = ()


class EventSource(Protocol):
    """What an adapter with events can do."""

    def events(self, watermark: str | None) -> Page:
        """The next page after `watermark`. May raise `NotApplied` or `Uncertain`: it is asked again later."""


class Poller:
    """Follows one system's events. `source` names the watermark and is the events' source. `tell` takes the results,
    and `may_ask` says whether the system may be asked now."""

    def __init__(
        self,
        source: str,
        system: EventSource,
        engine: Engine,
        broker: Broker,
        tell: Callable[[LateResult], object] | None = None,
        may_ask: Callable[[], bool] = lambda: True,
    ) -> None:
        self._source = source
        self._system = system
        self._engine = engine
        self._broker = broker
        self._tell = tell
        self._may_ask = may_ask

    def poll(self) -> bool:
        """Publish the next page; whether there are more right now."""
        watermark = self._watermark()
        page = self._system.events(watermark)
        for result in page.results if self._tell is not None else ():
            self._told(result)
        if page.events:
            self._broker.publish([Outgoing(EVENTS, self._cloud_event(item)) for item in page.events])
        if page.watermark is not None and page.watermark != watermark:
            self._move(watermark, page.watermark)
        return page.more

    def _told(self, result: LateResult) -> None:
        assert self._tell is not None
        try:
            self._tell(result)
        except (Ambiguous, ValueError) as error:  # it would be so the next time, too
            log.error("result.unusable", source=self._source, reference=result.reference, reason=str(error))

    def run(self, stopping: threading.Event, interval: float = INTERVAL) -> None:
        """Poll every `interval` seconds, at once while there is more, until `stopping` is set."""
        declared = False
        while not stopping.is_set():
            try:
                if not declared:
                    self._broker.declare([Queue(EVENTS)])
                    declared = True
                if self._may_ask() and self.poll():
                    continue
            except (NotApplied, Uncertain, Refused, BrokerError, SQLAlchemyError) as error:
                log.warning("events.wait", source=self._source, error=type(error).__name__, reason=str(error)[:200])
            except Exception:
                log.exception("events.failed", source=self._source)
            stopping.wait(interval)

    def _cloud_event(self, item: BusinessEvent | CloudEvent) -> CloudEvent:
        if isinstance(item, CloudEvent):
            return item
        id_ = f"{self._source}/{item.id}"
        position = tracing.derived(None, id_, id_)
        tracing.mark(position, None, item.type, subject=item.subject)
        envelope = event(item.type, self._source, item.data, id_=id_, subject=item.subject, traceparent=position)
        return msgspec.structs.replace(envelope, time=item.time)

    def _watermark(self) -> str | None:
        with reading(self._engine) as connection:
            found: str | None = connection.scalar(_READ, {"source": self._source})
            return found

    def _move(self, old: str | None, new: str) -> None:
        # Another process may poll the same source: whoever is behind does not move the watermark back.
        with writing(self._engine) as connection:
            values = {"source": self._source, "old": old, "new": new, "now": now_ms(connection)}
            connection.execute(_INSERT if old is None else _UPDATE, values)


_READ = text("SELECT watermark FROM event_watermarks WHERE source = :source")
_INSERT = text(
    "INSERT INTO event_watermarks (source, watermark, updated_at) VALUES (:source, :new, :now)"
    " ON CONFLICT (source) DO NOTHING"
)
_UPDATE = text(
    "UPDATE event_watermarks SET watermark = :new, updated_at = :now WHERE source = :source AND watermark = :old"
)
