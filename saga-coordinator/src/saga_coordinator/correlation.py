"""Events, messages and signals find their instances.

A message goes to one instance: one that waits, one that it starts, or one that will come to wait. A signal goes to
everybody who waits when it comes, and starts whatever it can start. An event from outside is both, by its type: a
message (its subject is the key), and a signal.

Each is routed once, in one transaction, and what became of it is kept: delivered again, it becomes the same inputs
again, which the journals recognise. Who is told of a signal is kept beside that, and told page by page.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from saga_coordinator import wire
from saga_coordinator.clock import Clock
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Element, Kind, Trigger
from saga_coordinator.engine.times import iso
from saga_coordinator.engine.waiting import LONGEST_NAME, is_name
from saga_coordinator.registry import Registry, StartEvent, Starts
from saga_coordinator.settings import Settings
from saga_coordinator.store import messages, signals
from saga_coordinator.store.messages import Message
from saga_coordinator.store.signals import Signal, Told
from saga_coordinator.writing import match
from service_kit import tracing
from service_kit.broker import Delivery
from service_kit.database import writing
from service_kit.ids import derived_id
from service_kit.messages import CloudEvent, Routing

_log = structlog.get_logger(__name__)
# So many are told of signals at once; the others follow page by page.
PAGE = 500


class Event(msgspec.Struct, frozen=True):
    """An event on the queue `events`, understood: a message `name` with correlation key `key`, or a signal `name` for
    everybody but the instance `besides`, or both (`triggers`). `ttl` in ms; `traceparent` is what an instance that it
    starts goes on with."""

    id: str
    name: str
    key: str
    payload: Any
    triggers: tuple[Trigger, ...] = (Trigger.MESSAGE, Trigger.SIGNAL)
    besides: str = ""
    ttl: int | None = None
    traceparent: str | None = None


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


def signalled(told: Told) -> i.SignalArrived:
    """The input that tells somebody of a signal."""
    return i.SignalArrived(
        id=told.input_id,
        instance=told.instance,
        subscription=told.subscription,
        name=told.name,
        payload=msgspec.json.decode(told.payload),
    )


class Correlator:
    """Routes events. Up to `page` who wait for signals are told at once."""

    def __init__(
        self, store: Engine, registry: Registry, clock: Clock, settings: Settings, *, page: int = PAGE
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._settings = settings
        self._page = page

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
        starts = self._registry.starts(connection)
        became = self._begun(list(events.values()), Trigger.SIGNAL, starts, routed, now)
        correlated = [pair for id_, pair in events.items() if id_ in became and Trigger.MESSAGE in pair[1].triggers]
        arrived = [_message(event) for _, event in correlated]
        kept = match(messages.waiting(connection, {(event.name, event.key) for _, event in correlated}), arrived)
        messages.take_subscriptions(connection, kept)
        taken = {message.id: arrival(message) for message in kept}
        free = [pair for pair in correlated if pair[1].id not in taken]
        begun = self._begun(free, Trigger.MESSAGE, starts, routed, now)
        kept += [message for message in arrived if begun.get(message.id) == []]
        for id_, inputs in became.items():
            inputs += [taken[id_]] if id_ in taken else begun.get(id_, [])
        became = {id_: inputs for id_, inputs in became.items() if events[id_][0] not in routed.poisoned}
        self._keep(connection, kept, became, now)
        routed.inputs += [input_ for inputs in became.values() for input_ in inputs]
        routed.inputs += self._broadcast(connection, [e for _, e in events.values() if e.id in became], now)

    def _keep(
        self, connection: Connection, kept: Sequence[Message], became: dict[str, list[i.Input]], now: int
    ) -> None:
        ttl = round(self._settings.early_message_ttl * 1000)
        messages.keep(connection, kept, now, ttl, self._again_at(now))
        messages.remember(connection, [(id_, wire.encode(inputs)) for id_, inputs in became.items()], now)

    def _again_at(self, now: int) -> int:
        return now + round(self._settings.timer_republish * 1000)

    def _broadcast(self, connection: Connection, events: Sequence[Event], now: int) -> list[i.Input]:
        """Who waits for these as signals is to be told: some at once, the others by the timekeeper."""
        thrown = [event for event in events if Trigger.SIGNAL in event.triggers]
        waited_for = signals.waited_for(connection, [event.name for event in thrown])
        heard = [event for event in thrown if event.name in waited_for]
        for event in heard:
            signals.throw(connection, Signal(event.id, event.name, wire.encode(event.payload), event.besides), now)
        if not heard:
            return []
        told = signals.claim(connection, now, self._again_at(now), self._page, [event.id for event in heard])
        return [signalled(each) for each in told]

    def _begun(
        self, events: Sequence[tuple[int, Event]], trigger: Trigger, starts: Starts, routed: Routed, now: int
    ) -> dict[str, list[i.Input]]:
        """What these events start, by id; those of which that cannot be said are poisoned."""
        begun: dict[str, list[i.Input]] = {}
        for index, event in events:
            try:
                begun[event.id] = self._starts(event, trigger, starts, now)
            except Exception as error:  # an expression of a process, on data from outside
                routed.poisoned[index] = f"{type(error).__name__}: {error}"
        return begun

    def _starts(self, event: Event, trigger: Trigger, starts: Starts, now: int) -> list[i.Input]:
        if trigger not in event.triggers:
            return []
        return [
            i.Start(
                id=event.id,
                instance=derived_id(_STARTED[trigger], event.id, start.process.id),
                process=start.process.id,
                version=start.process.version,
                element=start.element.id,
                payload=event.payload,
                business_key=start_key(start.element, event.payload, event.key, now),
                digest=event.id,
                traceparent=event.traceparent,
            )
            for start in starts.get((trigger, event.name), [])
            if _wanted(start, event, now)
        ]


_STARTED = {Trigger.MESSAGE: "start-by-event", Trigger.SIGNAL: "start-by-signal"}


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


def _message(event: Event) -> Message:
    return Message(event.id, event.name, event.key, wire.encode(event.payload), ttl=event.ttl)


def _event(event: CloudEvent) -> Event:
    payload = msgspec.json.decode(event.data)
    ttl = None if event.ttl is None else event.ttl * 1000
    key = _check("subject", event.subject or "")
    # CloudEvents distributed tracing extension; what cannot be read is as good as none (W3C trace context, 3.2.2)
    traceparent = tracing.readable(event.traceparent)
    event_ = Event(message_id(event), _check("type", event.type), key, payload, ttl=ttl, traceparent=traceparent)
    if event.tlrouting == Routing.MESSAGE:
        return msgspec.structs.replace(event_, triggers=(Trigger.MESSAGE,))
    if event.tlrouting == Routing.SIGNAL:
        return msgspec.structs.replace(event_, triggers=(Trigger.SIGNAL,), key="", besides=key)
    return event_


def _check(what: str, text: str) -> str:
    if not is_name(text):
        raise ValueError(f"its {what} is longer than {LONGEST_NAME} characters, or has a NUL in it")
    return text


def _wanted(start: StartEvent, event: Event, now: int) -> bool:
    condition = start.element.event.condition if start.element.event else None
    if condition is None:
        return True
    return condition(event.payload, {"now": iso(now), "key": event.key}) is True


# What an expression gives that is no key, in JSON's words.
_TOLD = {type(None): "nothing (null)", dict: "an object", list: "an array"}


def start_key(element: Element, payload: Any, key: str, now: int) -> str | None:
    """What the start event says the business key is; None: the process says. Raises what the expression raises."""
    expression = element.event.correlation if element.event else None
    if expression is None or element.kind is not Kind.START_EVENT:  # others say what they wait for once it has begun
        return None
    value = expression(payload, {"now": iso(now), "key": key})
    if value is None or isinstance(value, dict | list):
        raise ValueError(f"{expression.source} gives {_TOLD[type(value)]}, and a key is a text or a number")
    return _check("business key", str(value))
