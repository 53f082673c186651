"""The consumer loop: takes inputs from the lanes, turns them, publishes what follows, acknowledges them."""

import contextlib
from collections.abc import Sequence

import structlog

from saga_coordinator import wire
from saga_coordinator.chains import Item
from saga_coordinator.context import Context, Done
from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import Poison
from saga_coordinator.failing import failed, forget
from saga_coordinator.lanes import lane_sources
from saga_coordinator.store import refusals
from saga_coordinator.turn import Turn
from service_kit.broker import Broker, Consumer, Delivery
from service_kit.database import writing
from service_kit.ids import derived_id
from service_kit.patience import Patience, Stopped, Unstorable

_log = structlog.get_logger(__name__)
# An input that was delivered this often is tried alone; one that was alone this often and is still there killed us.
SUSPECT_FROM = 3
MOST_ALONE = 3
KILLER = "it killed its consumer each time it was tried"


class Worker:
    """Handles inputs. For one thread."""

    def __init__(self, context: Context, broker: Broker, patience: Patience) -> None:
        self._context = context
        self._broker = broker
        self._patience = patience

    def run(self) -> None:
        """Take and handle inputs until stopped. What is under way then is finished, or left to others."""
        settings = self._context.settings
        sources = lane_sources(settings.lanes, settings.own_lanes, settings.prefetch)
        try:
            consumer = self._patience.consume(self._broker, sources)
        except Stopped:
            return
        try:
            while not self._patience.stopping.is_set():
                self.step(consumer, timeout=0.5)
        except Stopped:
            _log.info("worker.stopped-while-waiting")
        finally:
            consumer.close()

    def step(self, consumer: Consumer, timeout: float) -> int:
        """Take up to a batch of inputs and handle them; how many there were. Raises `Stopped`."""
        deliveries = self._patience.with_broker(lambda: consumer.take(self._context.settings.batch, timeout))
        together = [delivery for delivery in deliveries if delivery.deliveries < SUSPECT_FROM]
        self._handle(consumer, together)
        for delivery in deliveries:
            if delivery.deliveries >= SUSPECT_FROM:
                self._handle_suspect(consumer, delivery)
        return len(deliveries)

    def _handle(self, consumer: Consumer, deliveries: Sequence[Delivery]) -> None:
        items: list[Item] = []
        finished: list[Delivery] = []
        for delivery in deliveries:
            try:
                items.append(Item(delivery, wire.input_of(delivery.event)))
                finished.append(delivery)
            except Poison as poison:
                self._bury(consumer, delivery, str(poison))
        done = self._turn(items)
        self._patience.publish(self._broker, done.outgoing)
        self._forget([item.input for item, _ in done.poisoned])
        buried = {id(item.delivery) for item, _ in done.poisoned}
        for item, reason in done.poisoned:
            self._bury(consumer, wire.carrying(item.delivery, item.input), reason)
        acked = [delivery for delivery in finished if id(delivery) not in buried]
        if acked:
            self._patience.with_broker(lambda: consumer.ack(acked))

    def _turn(self, items: Sequence[Item]) -> Done:
        """All at once; where the store cannot take that, by halves, so that one bad input costs no other."""
        if not items:
            return Done()
        try:
            return self._patience.with_store(lambda: Turn(self._context, items).run())
        except Unstorable as error:
            if len(items) == 1:
                return self._give_up(items[0], str(error))
        middle = len(items) // 2
        first, second = self._turn(items[:middle]), self._turn(items[middle:])
        return Done(first.outgoing + second.outgoing, first.poisoned + second.poisoned)

    def _give_up(self, item: Item, reason: str) -> Done:
        """Whoever waits for it is told, if at least that can be stored."""
        try:
            return self._patience.with_store(lambda: Turn(self._context, [item], spoiled=reason).run())
        except Unstorable:
            return Done(poisoned=[(item, reason)])

    def _forget(self, inputs: list[i.Input]) -> None:
        if not inputs:
            return
        try:
            self._patience.with_store(lambda: self._forgotten(inputs))
        except Unstorable as error:
            _log.error("input.not-forgotten", reason=str(error))

    def _forgotten(self, inputs: list[i.Input]) -> None:
        with writing(self._context.store) as connection:
            forget(connection, inputs)

    def _handle_suspect(self, consumer: Consumer, delivery: Delivery) -> None:
        """An input that was under way several times when its consumer died, or only travelled with one that killed."""
        id_ = derived_id("suspect", delivery.event.id)  # whatever the id is, this can be stored
        attempts = self._patience.with_store(lambda: self._suspect(id_))
        if attempts > MOST_ALONE:
            self._bury_killer(consumer, delivery, tell=attempts == MOST_ALONE + 1)
        else:
            self._handle(consumer, [delivery])
        self._patience.with_store(lambda: self._clear(id_))

    def _bury_killer(self, consumer: Consumer, delivery: Delivery, *, tell: bool) -> None:
        """Nothing of its instance is read: that may be what kills. Not even telling is tried twice."""
        if tell:
            with contextlib.suppress(Poison):
                self._tell(wire.input_of(delivery.event), KILLER)
        self._bury(consumer, delivery, KILLER)

    def _tell(self, input_: i.Input, reason: str) -> None:
        failure = failed(input_, None, reason)
        if failure is not None:
            self._patience.publish(self._broker, [wire.input_event(failure, self._context.settings.lanes)])
        self._forget([input_])

    def _suspect(self, id_: str) -> int:
        with writing(self._context.store) as connection:
            return refusals.suspect(connection, id_, self._context.clock.now())

    def _clear(self, id_: str) -> None:
        with writing(self._context.store) as connection:
            refusals.clear(connection, [id_])

    def _bury(self, consumer: Consumer, delivery: Delivery, reason: str) -> None:
        _log.error("input.dead-lettered", input=delivery.event.id, instance=delivery.event.subject, reason=reason)
        self._patience.with_broker(lambda: consumer.dead_letter(delivery, reason))
