"""The consumer of business events: routes them, publishes the inputs they became, acknowledges them."""

import structlog

from saga_coordinator import wire
from saga_coordinator.correlation import Correlator, Routed
from saga_coordinator.lanes import EVENTS
from saga_coordinator.settings import Settings
from service_kit.broker import Broker, Consumer, Delivery, Source
from service_kit.patience import Patience, Stopped, Unstorable

_log = structlog.get_logger(__name__)


class EventWorker:
    """Handles events. For one thread."""

    def __init__(self, correlator: Correlator, broker: Broker, settings: Settings, patience: Patience) -> None:
        self._correlator = correlator
        self._broker = broker
        self._settings = settings
        self._patience = patience

    def run(self) -> None:
        """Take and route events until stopped."""
        sources = [Source(EVENTS, prefetch=self._settings.prefetch)]
        try:
            consumer = self._patience.consume(self._broker, sources)
        except Stopped:
            return
        try:
            while not self._patience.stopping.is_set():
                self.step(consumer, timeout=0.5)
        except Stopped:
            _log.info("events.stopped-while-waiting")
        finally:
            consumer.close()

    def step(self, consumer: Consumer, timeout: float) -> int:
        """Take up to a batch of events and route them; how many there were. Raises `Stopped`."""
        deliveries = self._patience.with_broker(lambda: consumer.take(self._settings.batch, timeout))
        if deliveries:
            self._handle(consumer, deliveries)
        return len(deliveries)

    def _handle(self, consumer: Consumer, deliveries: list[Delivery]) -> None:
        try:
            routed = self._patience.with_store(lambda: self._correlator.route(deliveries))
        except Unstorable as error:
            if len(deliveries) > 1:
                for delivery in deliveries:
                    self._handle(consumer, [delivery])
                return
            routed = Routed(poisoned={0: str(error)})
        self._patience.publish(self._broker, [wire.input_event(i, self._settings.lanes) for i in routed.inputs])
        for index, reason in routed.poisoned.items():
            self._bury(consumer, deliveries[index], reason)
        acked = [delivery for index, delivery in enumerate(deliveries) if index not in routed.poisoned]
        self._patience.with_broker(lambda: consumer.ack(acked))

    def _bury(self, consumer: Consumer, delivery: Delivery, reason: str) -> None:
        _log.error("event.dead-lettered", id=delivery.event.id, type=delivery.event.type, reason=reason)
        self._patience.with_broker(lambda: consumer.dead_letter(delivery, reason))
