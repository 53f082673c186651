"""A connector's consumer loop: commands in, outcomes out, each effect once.

Every turn of the loop takes what is waiting, and in ONE transaction records the outcomes that have become known and
marks the commands that are about to be carried out. Only then are replies published, commands handed to their system's
lane, and deliveries acknowledged. What fails on the way (store or broker away) is kept and tried again in the next
turn; what this process takes to its grave is delivered again, and answered by the rules of `rules`.

A command whose system must be left alone for now is put into that system's line, acknowledged, and taken out again when
its time has come, by any process of the connector (`waiting_room`).
"""

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service_kit.broker import Broker, BrokerError, Consumer, Delivery, Queue, Source
from service_kit.catalogue import Effect
from service_kit.connector import jobs
from service_kit.connector.gate import NotNow
from service_kit.connector.inbox import Inbox
from service_kit.connector.jobs import Job
from service_kit.connector.keeper import Keeper
from service_kit.connector.lanes import Done, Finishing, Lane
from service_kit.connector.operations import Operations
from service_kit.connector.replies import Replies
from service_kit.connector.rules import DIED, Answer, Ask, CarryOutAgain, Row, Wait, delivered_again, probed
from service_kit.connector.waiting_room import WaitingRoom
from service_kit.messages import Command, CommandKind, Outcome, Unknown

BATCH = 128
MOST_IN_FLIGHT = 1024
LOOK_AGAIN = 0.2
PAUSE = 0.5

log = structlog.get_logger(__name__)


LaneOf = Callable[[int, Callable[[Job], Done], Finishing[Job]], Lane[Job]]


class Worker:
    """Consumes `commands.<connector>`. `run` blocks; everything but `stop` belongs to its thread."""

    def __init__(
        self,
        connector: str,
        broker: Broker,
        inbox: Inbox,
        operations: Operations,
        keeper: Keeper,
        lanes: LaneOf = Lane,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keeper` looks after commands that cannot go now, `lanes` makes the lane of a system, `clock` counts
        seconds."""
        self._queue = f"commands.{connector}"
        self._broker = broker
        self._inbox = inbox
        self._operations = operations
        self._lane_of = lanes
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._lanes: dict[str, Lane[Job]] = {}
        self._finishing: Finishing[Job] = Finishing()
        self._unrecorded: list[Job] = []
        self._starting: list[Job] = []
        self._probes: list[Job] = []
        self._parked: list[Job] = []
        self._orphans: list[tuple[Job, Row]] = []
        self._replies = Replies(connector, broker)
        self._keeper = keeper
        self._waiting = WaitingRoom(keeper, operations, self._jobs, self._lane, self._finishing)
        self._look_again_at = 0.0
        self._stopping = threading.Event()
        self._consumer: Consumer | None = None

    @property
    def in_flight(self) -> int:
        """How many commands were taken and not answered yet."""
        return len(self._jobs)

    def run(self) -> None:
        """Until `stop`. What is being carried out then is finished and answered first."""
        while not self._stopping.is_set():
            try:
                self._broker.declare([Queue(self._queue)])
                break
            except BrokerError as error:
                self._pause("broker", error)
        self._consumer = consumer = self._broker.consume([Source(self._queue)])
        try:
            while not self._stopping.is_set():
                self.turn(consumer)
            self._finish(consumer)
        finally:
            consumer.close()

    def stop(self) -> None:
        """End `run` soon. From any thread."""
        self._stopping.set()
        if self._consumer is not None:
            self._consumer.wake()

    def turn(self, consumer: Consumer) -> None:
        """Once around."""
        try:
            self._take(consumer)
            self._settle(consumer)
        except (BrokerError, SQLAlchemyError) as error:
            self._pause("broker" if isinstance(error, BrokerError) else "store", error)

    def _settle(self, consumer: Consumer) -> None:
        self._collect()
        self._hold(consumer)
        self._exchange()
        self._seal()
        self._look_again()
        self._adopt()
        self._reply(consumer)
        self._look_for_orphans()

    def _take(self, consumer: Consumer) -> None:
        room = min(BATCH, MOST_IN_FLIGHT - len(self._jobs))
        waits = self._lacks_work()
        if waits:
            self._finishing.wait(0.002)
        if room <= 0:
            return
        timeout = 0.5 if not self._jobs else 0.005 if self._lacks_work() else 0.0
        for delivery in consumer.take(room, timeout):
            self._accept(consumer, delivery)

    def _lacks_work(self) -> bool:
        busy = self._unrecorded or self._probes or self._replies or len(self._finishing)
        return bool(self._jobs) and not busy

    def _accept(self, consumer: Consumer, delivery: Delivery) -> None:
        command = jobs.read(delivery)
        if isinstance(command, str):
            log.warning("command.undecodable", event_id=delivery.event.id, reason=command)
            consumer.dead_letter(delivery, command)
            return
        known = self._jobs.get(command.id)
        if known is not None:
            known.deliveries.append(delivery)
            return
        operation = self._operations.find(command.operation)
        job = Job(command, operation, [delivery], self._operations.execute, traceparent=delivery.event.traceparent)
        self._jobs[command.id] = job
        if command.kind is CommandKind.PROBE:
            self._probes.append(job)
        elif operation is not None and operation.effect is Effect.READ and not self._must_wait(command.system):
            self._dispatch(job)
        else:
            self._lane(command.system).waiting.append(job)

    def _lane(self, system: str) -> Lane[Job]:
        name = system if self._operations.knows(system) else ""
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = self._lane_of(self._operations.concurrency(name), jobs.run, self._finishing)
        return lane

    def _dispatch(self, job: Job) -> None:
        self._lane(job.command.system).put(job)

    def _collect(self) -> None:
        for job, outcome in self._finishing.drain():
            self._leave_lane(job)
            if not self._waiting.takes(job, outcome):
                job.outcome = _known(job, outcome)
                self._outcome_is_known(job, record=job.records)

    def _hold(self, consumer: Consumer) -> None:
        self._unrecorded += self._waiting.put_back()
        for name, lane in self._lanes.items():
            if lane.waiting and self._must_wait(name):
                self._waiting.add(lane.waiting)
                lane.waiting.clear()
        for job, row in self._waiting.hold(consumer):
            self._delivered_again(job, row)

    def _must_wait(self, system: str) -> bool:
        return self._operations.knows(system) and self._keeper.must_wait(system)

    def _look_for_orphans(self) -> None:
        for job, row in self._waiting.look(MOST_IN_FLIGHT - len(self._jobs)):
            self._delivered_again(job, row)

    def _exchange(self) -> None:
        if not self._starting:
            self._starting = self._admit()
        if not self._starting and not self._unrecorded:
            return
        finishing = [jobs.finished(job) for job in self._unrecorded]
        exchanged = self._inbox.exchange(finishing, [jobs.starting(job) for job in self._starting])
        finished, self._unrecorded = self._unrecorded, []
        starting, self._starting = self._starting, []
        for job in finished:
            self._recorded(job, exchanged.known.get(job.command.id))
        for job in starting:
            if job.command.id in exchanged.started:
                job.fresh = True
                self._dispatch(job)
            else:
                self._delivered_again(job, exchanged.known[job.command.id])

    def _admit(self) -> list[Job]:
        admitted = []
        for lane in self._lanes.values():
            for job in lane.admit(BATCH):
                job.lane, job.records, job.run = lane, True, self._execution()
                job.found = self._operations.only_looks(job.command)
                admitted.append(job)
        return admitted

    def _execution(self) -> Callable[[Command], Done]:
        return partial(self._operations.execute, permit=self._operations.permit())

    def _recorded(self, job: Job, before: Row | None) -> None:
        if before is not None and before.outcome is not None:
            job.outcome = before.outcome
        elif before is not None and job.found:
            job.outcome, job.found = Unknown(reason=DIED), False
            self._unrecorded.append(job)
            return
        self._replies.add(job)

    def _leave_lane(self, job: Job) -> None:
        if job.lane is not None:
            job.lane.active -= 1
            job.lane = None

    def _delivered_again(self, job: Job, row: Row) -> None:
        self._leave_lane(job)
        match delivered_again(row, job.operation):
            case Answer(outcome=outcome, record=record):
                job.outcome = outcome
                self._outcome_is_known(job, record=record)
            case Wait():
                self._parked.append(job)
            case CarryOutAgain():
                self._orphans.append((job, row))
            case Ask():
                job.run, job.found = self._operations.find_out, True
                self._dispatch(job)

    def _outcome_is_known(self, job: Job, *, record: bool) -> None:
        if record:
            self._unrecorded.append(job)
        else:
            self._replies.add(job)

    def _adopt(self) -> None:
        while self._orphans:
            job, row = self._orphans[-1]
            job.run = self._execution()
            if self._inbox.take_over(row):
                self._dispatch(job)
            else:
                self._parked.append(job)
            self._orphans.pop()

    def _seal(self) -> None:
        if not self._probes:
            return
        rows = self._inbox.seal([jobs.sealing(job) for job in self._probes if job.command.seals])
        probes, self._probes = self._probes, []
        for job in probes:
            self._probe(job, rows.get(job.command.seals or ""))

    def _probe(self, job: Job, row: Row | None) -> None:
        if job.operation is None:
            job.run = lambda command: self._operations.probe(command, False)
            self._dispatch(job)
            return
        match probed(row, job.operation):
            case Answer(outcome=outcome):
                job.outcome = outcome
                self._replies.add(job)
            case Ask(settled=settled):
                job.run = lambda command: self._operations.probe(command, settled)
                self._dispatch(job)

    def _look_again(self) -> None:
        if not self._parked or self._clock() < self._look_again_at:
            return
        self._look_again_at = self._clock() + LOOK_AGAIN
        rows = self._inbox.look([job.command.id for job in self._parked])
        parked, self._parked = self._parked, []
        for job in parked:
            row = rows.get(job.command.id)
            if row is None:
                self._lane(job.command.system).waiting.append(job)
            else:
                self._delivered_again(job, row)

    def _reply(self, consumer: Consumer) -> None:
        for job in self._replies.send(consumer):
            self._forget(job)

    def _forget(self, job: Job) -> None:
        del self._jobs[job.command.id]
        if job.promised:
            self._waiting.answered(job)

    def _finish(self, consumer: Consumer) -> None:
        for lane in self._lanes.values():
            lane.stop(30)
        try:
            self._collect()
            self._starting = []
            if self._unrecorded:
                exchanged = self._inbox.exchange([jobs.finished(job) for job in self._unrecorded], [])
                finished, self._unrecorded = self._unrecorded, []
                for job in finished:
                    self._recorded(job, exchanged.known.get(job.command.id))
            self._waiting.put_back()
            self._reply(consumer)
            self._waiting.settle()
        except (BrokerError, SQLAlchemyError) as error:  # it will be delivered again, to another process
            log.warning("worker.stopped_early", error=type(error).__name__)

    def _pause(self, what: str, error: Exception) -> None:
        log.warning("worker.waits", waits_for=what, error=type(error).__name__)
        self._stopping.wait(PAUSE)


def _known(job: Job, outcome: Done) -> Outcome:
    if not isinstance(outcome, NotNow):
        return outcome
    # What a process that is gone had started may be applied, although nothing was sent now.
    return outcome.unavailable() if job.fresh or not job.records else Unknown(reason=outcome.reason)
