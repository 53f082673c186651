"""The part of a worker that deals with commands which cannot go now, and with results that come later."""

from collections.abc import Callable, Iterable

from service_kit.broker import Consumer
from service_kit.connector.gate import NotNow
from service_kit.connector.jobs import Job
from service_kit.connector.keeper import Keeper
from service_kit.connector.lanes import Done, Finishing, Lane
from service_kit.connector.operations import Operations
from service_kit.connector.promises import Kept
from service_kit.connector.rules import SEALED, Row
from service_kit.connector.safe import LOST
from service_kit.connector.sending import Permit
from service_kit.messages import Command, Completed, Rejected, Unavailable

AT_ONCE = 128


class WaitingRoom:
    """Belongs to its worker's thread. `jobs`, `lane` and `finishing` are the worker's. What fails on the way is kept
    and tried again in the worker's next turn."""

    def __init__(
        self,
        keeper: Keeper,
        operations: Operations,
        jobs: dict[str, Job],
        lane: Callable[[str], Lane[Job]],
        finishing: Finishing[Job],
    ) -> None:
        self._keeper = keeper
        self._operations = operations
        self._jobs = jobs
        self._lane = lane
        self._finishing = finishing
        self._holding: list[Job] = []
        self._returning: list[Job] = []
        self._polled: list[Job] = []
        self._answered: list[str] = []

    def takes(self, job: Job, outcome: Done) -> bool:
        """Whether what a lane finished is the business of this room: an answer about a result, or a command that was
        certainly not sent."""
        if job.polls:
            job.outcome = outcome if isinstance(outcome, Completed | Rejected) else None
            self._polled.append(job)
            return True
        if isinstance(outcome, NotNow) and not job.impatient and (job.fresh or not job.records):
            job.outcome = outcome.unavailable()
            self._returning.append(job)
            return True
        return False

    def add(self, waiting: Iterable[Job]) -> None:
        """These cannot go now."""
        self._holding += waiting

    def put_back(self) -> list[Job]:
        """Put what was marked as started and not sent back into its line. Returns what was sealed meanwhile: its
        outcome is to be recorded."""
        sealed = []
        while self._returning:
            job = self._returning[-1]
            reason = job.outcome.reason if isinstance(job.outcome, Unavailable) else ""
            if not job.records or self._keeper.put_back(job.asked, reason):
                self._holding.append(job)
            else:
                job.outcome = Unavailable(reason=SEALED)
                sealed.append(job)
            self._returning.pop()
        return sealed

    def hold(self, consumer: Consumer) -> list[tuple[Job, Row]]:
        """Keep what cannot go now, tell the hub, and acknowledge it. Returns what turned out to be known already."""
        known = []
        for system in sorted({job.command.system for job in self._holding}):
            here = [job for job in self._holding if job.command.system == system][:AT_ONCE]
            held = self._keeper.hold(system, [job.asked for job in here])
            self._holding = [job for job in self._holding if job not in here]
            known += [(job, held.known[job.command.id]) for job in here if job.command.id in held.known]
            self._let_go(consumer, [job for job in here if job.command.id not in held.known])
        return known

    def answered(self, job: Job) -> None:
        """The reply to a command that had been acknowledged is out."""
        self._answered.append(job.command.id)

    def settle(self) -> None:
        """Record what became known: replies that are out, and results."""
        if self._answered:
            self._keeper.answered(self._answered)
            self._answered.clear()
        while self._polled:
            job = self._polled[-1]
            if isinstance(job.outcome, Completed | Rejected):
                self._keeper.record(job.command.id, job.outcome)
            self._polled.pop()
            del self._jobs[_poll_of(job.command)]

    def look(self, room: int) -> list[tuple[Job, Row]]:
        """Now and then: start what may go, at most `room`, ask for results, and tell those that are known. Returns what
        a process that is gone had started."""
        self.settle()
        if not self._keeper.is_time():
            return []
        for system in self._keeper.lines():
            permit = self._operations.permit()
            for kept, impatient in self._keeper.claim(system, self._lane(system).room(min(room, AT_ONCE))):
                self._start(kept, permit, impatient)
        if not self._keeper.owes():
            return []
        orphans = [(self._job(kept), row) for kept, row in self._keeper.orphans(self._jobs.keys())]
        for kept in self._keeper.polls(AT_ONCE):
            self._poll(kept)
        self._keeper.tell_results()
        return orphans

    def _let_go(self, consumer: Consumer, held: list[Job]) -> None:
        for job in held:
            del self._jobs[job.command.id]
        consumer.ack([delivery for job in held for delivery in job.deliveries])

    def _start(self, kept: Kept, permit: Permit, impatient: bool) -> None:
        job, lane = self._job(kept), self._lane(kept.command.system)
        job.fresh, job.impatient, job.delay, job.lane = True, impatient, kept.delay, lane
        job.run = lambda command: self._operations.execute(command, permit, paced=True)
        job.found = self._operations.only_looks(kept.command)
        lane.active += 1
        if kept.readable:
            lane.put(job)
        else:
            self._finishing.put(job, Unavailable(reason=LOST))

    def _poll(self, kept: Kept) -> None:
        job = self._of(kept)
        job.polls, job.run = True, lambda command: self._operations.result(command, kept.reference)
        self._jobs[_poll_of(kept.command)] = job
        self._lane(kept.command.system).put(job)

    def _job(self, kept: Kept) -> Job:
        job = self._jobs[kept.command.id] = self._of(kept)
        job.records, job.promised = True, True
        return job

    def _of(self, kept: Kept) -> Job:
        operation = self._operations.find(kept.command.operation)
        return Job(kept.command, operation, [], self._operations.execute, traceparent=kept.traceparent)


def _poll_of(command: Command) -> str:
    return f"{command.id}:poll"
