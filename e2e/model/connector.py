"""The connector's side: a real `Worker` with real `Operations`, at the model's own ports.

What a worker remembers cannot be copied, so a worker in a certain state is made by repeating its turns from the
beginning, with the answers that it got then. Lives that left the same memories are the same life.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from e2e.model.inbox import Leases, Store
from e2e.model.memories import memories
from e2e.model.ports import After, Live, Ports
from e2e.model.world import Row, Work
from service_kit.broker import Delivery
from service_kit.catalogue import Catalogue
from service_kit.connector.call import Call
from service_kit.connector.jobs import Job
from service_kit.connector.keeper import Keeper
from service_kit.connector.lanes import Done, Finishing, Lane
from service_kit.connector.mapping import Mappings
from service_kit.connector.operations import Operations
from service_kit.connector.sending import Permit
from service_kit.connector.systems import System, Systems
from service_kit.connector.worker import Worker
from service_kit.messages import CloudEvent, Command, Outcome

CONNECTOR = "sys"
_command = msgspec.json.Decoder(Command).decode


class Asked(BaseException):
    """The adapter would now call the vendor's system."""

    def __init__(self, method: str, call: Call) -> None:
        super().__init__(method)
        self.method = method
        self.call = call


class Turn(NamedTuple):
    """A turn of a worker: it takes the message `takes`, or the job of the command `finishes` got its `answer` (None:
    the process might not send), or it only looks. `term`: how often it had got its lease back; `told`: what its inbox
    answered then."""

    takes: str | None = None
    finishes: str | None = None
    answer: Any = None
    term: int = 0
    told: tuple[Any, ...] = ()


class Life(NamedTuple):
    """A worker's past, what waits in its lanes, how many commands it has not answered, and all that it was given."""

    turns: tuple[Turn, ...] = ()
    work: tuple[Work, ...] = ()
    in_flight: int = 0
    touches: frozenset[str] = frozenset()


class Lived(NamedTuple):
    """A turn: what each contact left, and the life then."""

    steps: tuple[After, ...]
    life: int


class _Bench(Lane[Job]):
    """A lane without threads: its jobs are finished one by one, when the model says so."""

    def __init__(self, concurrency: int, run: Callable[[Job], Done], finishing: Finishing[Job]) -> None:
        super().__init__(concurrency, run, finishing)
        self.jobs: dict[str, Job] = {}
        self.finishing, self.carry_out = finishing, run

    def put(self, item: Job) -> None:
        self.jobs[item.command.id] = item

    def finish(self, command: str) -> None:
        job = self.jobs.pop(command)
        self.finishing.put(job, self.carry_out(job))


class _NothingWaits(Keeper):
    """The system may always be called: waiting commands are not part of the model."""

    def __init__(self) -> None: ...

    def must_wait(self, system: str) -> bool:
        return False

    def is_time(self) -> bool:
        return False


class _Process:
    """One worker, from its beginning. `answer`: what the vendor answers now; None: this process may not send, and
    `Asked` if that is the question."""

    def __init__(self, catalogue: Catalogue, messages: Mapping[str, CloudEvent]) -> None:
        self._messages = messages
        self.ports = Ports()
        self._benches: list[_Bench] = []
        self._answer: Any = None
        self._asking = False
        self._term = self._asked_in = 0
        system = System(name=CONNECTOR, connector=CONNECTOR, adapter="a", concurrency=8)
        self.operations = Operations(
            catalogue,
            Systems(CONNECTOR, systems={CONNECTOR: system}),
            {"a": lambda system, mappings: self},
            lambda name: Mappings(),
            self._permit,
        )
        self.worker = Worker(
            CONNECTOR, self.ports, self.ports, self.operations, _NothingWaits(), self._lane, clock=lambda: float("inf")
        )

    def __getattr__(self, method: str) -> Callable[[Call], Outcome]:
        if method.startswith("_") or method == "close":
            raise AttributeError(method)
        return lambda call: self._called(method, call)

    def _permit(self) -> Permit:
        term = self._term
        return lambda: self._permitted(term)

    def _permitted(self, term: int) -> bool:
        self._asked_in = term
        return self._asking or self._answer is not None

    def live(self, turn: Turn) -> None:
        self._term = turn.term
        if turn.finishes is not None:
            self._answer = turn.answer
            next(bench for bench in self._benches if turn.finishes in bench.jobs).finish(turn.finishes)
        elif turn.takes is not None:
            self.ports.deliveries = [Delivery(self._messages[turn.takes], CONNECTOR, 1, turn.takes)]
        self.ports.told.extend(turn.told)
        for bench in self._benches:
            bench.finishing.wake()
        self.worker.turn(self.ports)

    def work(self) -> tuple[Work, ...]:
        jobs = [job for bench in self._benches for job in bench.jobs.values()]
        return tuple(sorted(self._work(job) for job in jobs))

    def _work(self, job: Job) -> Work:
        self._asking = True
        try:
            job.run(job.command)
        except Asked as asked:
            return Work(job.command.id, asked.method, _target(asked), self._asked_in)
        finally:
            self._asking = False
        raise AssertionError(f"{job.command.id} asks the system for nothing")

    def _called(self, method: str, call: Call) -> Outcome:
        if self._asking:
            raise Asked(method, call)
        if isinstance(self._answer, Exception):
            raise self._answer
        outcome: Outcome = self._answer
        return outcome

    def _lane(self, concurrency: int, run: Callable[[Job], Done], finishing: Finishing[Job]) -> Lane[Job]:
        bench = _Bench(concurrency, run, finishing)
        self._benches.append(bench)
        return bench


def _target(asked: Asked) -> str:
    """The document that an undo takes back; the hub key for everything else."""
    if asked.method.endswith("_undo"):
        return str((asked.call.input["output"] or {}).get("doc"))
    return asked.call.hub_key


class Lives:
    """Numbers lives, and remembers turns. `messages`: commands on the broker, by name."""

    def __init__(self, catalogue: Catalogue, store: Store, messages: Mapping[str, CloudEvent]) -> None:
        self._catalogue, self._store, self._messages = catalogue, store, messages
        self._lives: list[Life] = [Life()]
        self._numbers: dict[Any, int] = {}
        self._lived: dict[Any, Lived] = {}

    def __getitem__(self, number: int) -> Life:
        return self._lives[number]

    def turn(self, number: int, turn: Turn, owner: str, rows: tuple[Row, ...], leases: Leases) -> Lived:
        """What one more turn of a worker with this life does: `touches` are the rows that it may look at."""
        touches = self._touches(number, turn)
        mine = tuple(row for row in rows if row.command in touches)
        owners = {row.owner for row in mine}
        held = tuple(lease for lease in leases if lease[0] in owners)
        key = (number, turn.takes, turn.finishes, repr(turn.answer), turn.term, owner, mine, held)
        lived = self._lived.get(key)
        if lived is None:
            lived = self._lived[key] = self._turn(self._lives[number], turn, owner, mine, held)
        return lived

    def merged(self, number: int, turn: Turn, rows: tuple[Row, ...], mine: tuple[Row, ...]) -> tuple[Row, ...]:
        """All rows after a turn that left its own like this."""
        touches = self._touches(number, turn)
        if mine == tuple(row for row in rows if row.command in touches):
            return rows
        others = [row for row in rows if row.command not in touches]
        return tuple(sorted((*others, *mine), key=lambda row: row.command))

    def _touches(self, number: int, turn: Turn) -> frozenset[str]:
        known = self._lives[number].touches
        return known | self._named(turn.takes) if turn.takes and turn.takes not in known else known

    def _named(self, message: str) -> frozenset[str]:
        command = _command(self._messages[message].data)
        return frozenset({message, command.id, command.seals or command.id})

    def _turn(self, life: Life, turn: Turn, owner: str, rows: tuple[Row, ...], leases: Leases) -> Lived:
        process = _Process(self._catalogue, self._messages)
        for past in life.turns:
            process.live(past)
        live = process.ports.live = Live(self._store, owner, rows, leases)
        process.live(turn)
        turns = (*life.turns, turn._replace(told=tuple(live.answers)))
        return Lived(tuple(live.steps), self._number(process, turns))

    def _number(self, process: _Process, turns: tuple[Turn, ...]) -> int:
        if not process.worker.in_flight:
            return 0
        key = memories(process.worker)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._lives)
            touches = frozenset().union(*(self._named(turn.takes) for turn in turns if turn.takes))
            self._lives.append(Life(turns, process.work(), process.worker.in_flight, touches))
        return number
