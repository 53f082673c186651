"""Events and messages find their instance: one that waits, one that they start, or one that will come to wait.

An event is routed once, in one transaction, and what became of it is kept: delivered again, it becomes the same inputs
again, which the journals recognise.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from saga_coordinator import wire
from saga_coordinator.clock import Clock
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Element
from saga_coordinator.engine.times import iso
from saga_coordinator.engine.waiting import LONGEST_NAME, is_name
from saga_coordinator.registry import Registry, StartEvent
from saga_coordinator.settings import Settings
from saga_coordinator.store import messages
from saga_coordinator.store.messages import Message
from saga_coordinator.writing import match
from service_kit.broker import Delivery
from service_kit.database import writing
from service_kit.ids import derived_id
from service_kit.messages import CloudEvent

_log = structlog.get_logger(__name__)


class Event(msgspec.Struct, frozen=True):
    """An event on the queue `events`, understood: a message `name` with correlation key `key`. `ttl` in ms."""

    id: str
    name: str
    key: str
    payload: Any
    ttl: int | None = None


class Routed(msgspec.Struct):
    """What became of events: the inputs, and by index of the event why it cannot be handled."""

    inputs: list[i.Input] = []
    poisoned: dict[int, str] = {}


def message_id(event: CloudEvent) -> str:
    """The id of the inputs that an event becomes: CloudEvents are the same if source and id are."""
    return derived_id("event", event.source, event.id)


def arrival(message: Message) -> i.MessageArrived:
    """The input that a message given to a subscription is."""
    if message.instance is None or message.subscription is None:
        raise ValueError(f"message {message.id} belongs to nobody")
    return i.MessageArrived(
        id=message.id,
        instance=message.instance,
        subscription=message.subscription,
        name=message.name,
        payload=msgspec.json.decode(message.payload),
    )


class Correlator:
    """Routes events."""

    def __init__(self, store: Engine, registry: Registry, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._settings = settings

    def route(self, deliveries: Sequence[Delivery]) -> Routed:
        """Route a batch of events in one transaction. Raises sqlalchemy's errors; the same may then be tried again."""
        routed = Routed()
        events: dict[str, tuple[int, Event]] = {}
        for index, delivery in enumerate(deliveries):
            try:
                event = _event(delivery.event)
            except (msgspec.DecodeError, ValueError) as error:
                routed.poisoned[index] = f"not an event that can be routed: {error}"
            else:
                events.setdefault(event.id, (index, event))
        now = self._clock.now()
        with writing(self._store) as connection:
            messages.lock(connection, [(event.name, event.key) for _, event in events.values()])
            seen = messages.seen(connection, list(events))
            routed.inputs += [input_ for inputs in seen.values() for input_ in wire.inputs_of(inputs)]
            new = {id_: pair for id_, pair in events.items() if id_ not in seen}
            if new:
                self._route_new(connection, new, routed, now)
        return routed

    def _route_new(
        self, connection: Connection, events: dict[str, tuple[int, Event]], routed: Routed, now: int
    ) -> None:
        became: dict[str, list[i.Input]] = {}
        arrived = [
            Message(event.id, event.name, event.key, wire.encode(event.payload), ttl=event.ttl)
            for _, event in events.values()
        ]
        waiting = messages.waiting(connection, {(event.name, event.key) for _, event in events.values()})
        kept = match(waiting, arrived)
        messages.take_subscriptions(connection, kept)
        became.update({message.id: [arrival(message)] for message in kept})
        starts = self._registry.message_starts(connection)
        for index, event in events.values():
            if event.id in became:
                continue
            try:
                became[event.id] = self._starts(event, starts.get(event.name, []), now)
            except Exception as error:  # an expression of a process, on data from outside
                routed.poisoned[index] = f"{type(error).__name__}: {error}"
        kept += [message for message in arrived if became.get(message.id) == []]
        ttl = round(self._settings.early_message_ttl * 1000)
        again_at = now + round(self._settings.timer_republish * 1000)
        messages.keep(connection, kept, now, ttl, again_at)
        messages.remember(connection, [(id_, wire.encode(inputs)) for id_, inputs in became.items()], now)
        routed.inputs += [input_ for inputs in became.values() for input_ in inputs]

    def _starts(self, event: Event, candidates: Sequence[StartEvent], now: int) -> list[i.Input]:
        return [
            i.Start(
                id=event.id,
                instance=derived_id("start-by-event", event.id, start.process.id),
                process=start.process.id,
                version=start.process.version,
                element=start.element.id,
                payload=event.payload,
                business_key=start_key(start.element, event.payload, event.key, now),
                digest=event.id,
            )
            for start in candidates
            if _wanted(start, event, now)
        ]


def reroute(connection: Connection, returned: Sequence[i.MessageArrived], again_at: int) -> list[Message]:
    """Give messages that came back to other subscriptions; those that nobody waits for are early again. One that comes
    back once more after that is somebody else's: it stays theirs."""
    keys = [(message.id, message.instance, message.subscription) for message in returned]
    pairs = [(message.name, message.key) for message in messages.held(connection, keys)]
    messages.lock(connection, pairs)
    stored = messages.held(connection, keys)
    messages.take_back(connection, [message.id for message in stored])
    given = match(messages.waiting(connection, pairs), stored)
    messages.take_subscriptions(connection, given)
    messages.give(connection, given, again_at)
    return given


def _event(event: CloudEvent) -> Event:
    payload = msgspec.json.decode(event.data)
    ttl = None if event.ttl is None else event.ttl * 1000
    _check("type", event.type)
    _check("subject", event.subject or "")
    return Event(message_id(event), event.type, event.subject or "", payload, ttl)


def _check(what: str, text: str) -> str:
    if not is_name(text):
        raise ValueError(f"its {what} is longer than {LONGEST_NAME} characters, or has a NUL in it")
    return text


def _wanted(start: StartEvent, event: Event, now: int) -> bool:
    condition = start.element.event.condition if start.element.event else None
    if condition is None:
        return True
    return condition(event.payload, {"now": iso(now), "key": event.key}) is True


def start_key(element: Element, payload: Any, key: str, now: int) -> str | None:
    """What the start event says the business key is; None: the process says. Raises what the expression raises."""
    expression = element.event.correlation if element.event else None
    if expression is None:
        return None
    value = expression(payload, {"now": iso(now), "key": key})
    if value is None or isinstance(value, dict | list):
        raise ValueError(f"{expression.source}: a key is a text or a number, not {type(value).__name__}")
    return _check("business key", str(value))
