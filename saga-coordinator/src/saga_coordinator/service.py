"""What the coordinator offers to its API: deploy, submit inputs, ask what became of them, read."""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from saga_coordinator import secrecy, wire
from saga_coordinator.cache import Known, folded
from saga_coordinator.clock import Clock
from saga_coordinator.correlation import start_key
from saga_coordinator.decisions import Decisions, asked_by
from saga_coordinator.engine import InstanceState, PlannedStep, undo_plan
from saga_coordinator.engine import inputs as i
from saga_coordinator.erasing import Eraser
from saga_coordinator.errors import InstanceNotFound, InstancePurged
from saga_coordinator.registry import Parse, Registry
from saga_coordinator.settings import Settings
from saga_coordinator.store import erasures, instances, journal, processes, queued, refusals, tombstones
from saga_coordinator.store.instances import Instance
from saga_coordinator.store.journal import Row
from saga_coordinator.store.processes import Deployment
from saga_coordinator.store.refusals import Refusal
from saga_coordinator.store.timers import schedule
from saga_coordinator.timers import schedules_of
from saga_coordinator.vault import Vault
from service_kit.broker import Broker
from service_kit.database import reading, writing
from service_kit.messages import EntriesForgotten


class Outcome(msgspec.Struct, frozen=True):
    """What became of an input: journalled as row `seq`, refused, or (a start) queued behind its business key."""

    seq: int | None = None
    refusal: Refusal | None = None
    queued: bool = False


class PlannedUndo(msgspec.Struct, frozen=True):
    """A step of an undo plan, and the instance whose it is: the one that was asked about, or one below it."""

    instance: str
    step: PlannedStep


class Service:
    """Thread-safe. Every method may raise sqlalchemy's errors, `submit` also `BrokerUnavailable`."""

    def __init__(
        self,
        store: Engine,
        broker: Broker,
        registry: Registry,
        parse: Parse,
        clock: Clock,
        settings: Settings,
        vault: Vault,
        decisions: Decisions,
        eraser: Eraser,
    ) -> None:
        self._eraser = eraser
        self._store = store
        self._broker = broker
        self._registry = registry
        self._parse = parse
        self._clock = clock
        self._settings = settings
        self._vault = vault
        self.decisions = decisions

    # -- processes

    def check(self, xml: bytes, process_id: str) -> None:
        """Raises `saga_coordinator.bpmn.Refused` with the findings for which `deploy` would refuse the file."""
        schedules_of(self._parse(xml, process_id, self.decisions.newest()), self._clock.now())

    def deploy(self, xml: bytes, process_id: str, *, by: str | None = None) -> Deployment:
        """Deploy the process `process_id` of a file as its next version, bound to the newest decisions; a file that is
        the newest version already, with the same decisions, gives that version. Raises `saga_coordinator.bpmn.Refused`
        with the findings, and nothing is stored."""
        rules = self.decisions.newest()
        parsed = self._parse(xml, process_id, rules)
        asked = {id_: rules.versions[id_] for id_ in sorted(asked_by(parsed))}
        digest = hashlib.sha256(xml).hexdigest()
        while True:
            try:
                with writing(self._store) as connection:
                    newest = processes.latest(connection, parsed.id)
                    if newest is not None and (newest.digest, newest.decisions) == (digest, asked):
                        return newest
                    version = newest.version + 1 if newest else 1
                    now = self._clock.now()
                    row = Deployment(parsed.id, version, digest, parsed.name, xml, now, by, asked)
                    processes.add(connection, row)
                    starts = schedules_of(msgspec.structs.replace(parsed, version=version), now)
                    schedule(connection, parsed.id, starts)
                    return row
            except IntegrityError:
                continue  # somebody else deployed that version number at the same time

    def processes(self) -> list[Deployment]:
        """Every version of every process, newest first within a process."""
        with reading(self._store) as connection:
            return processes.all_versions(connection)

    @property
    def registry(self) -> Registry:
        """The parsed processes."""
        return self._registry

    # -- inputs

    def submit(self, *inputs: i.Input) -> None:
        """Send inputs to their lanes; they are safe when this returns."""
        self._broker.publish([wire.input_event(input_, self._settings.lanes) for input_ in inputs])

    def sealed(self, input_: i.Input) -> i.Input:
        """The input with its secrets sealed, fit to travel. A start's id changes with its secrets; the same request is
        the same input still. Raises `ProcessNotFound`, and `SecretsUnreadable`."""
        if isinstance(input_, i.Start):
            return self._sealed_start(input_)
        row = self.instances([input_.instance]).get(input_.instance)
        process = self._registry.get(row.process, row.version) if row is not None else None
        if process is None or not secrecy.has_secrets(process):
            return input_
        seal = partial(self._vault.seal, input_.instance)
        return secrecy.sealed_input(process, self.load(input_.instance), input_, seal)

    def keyed(self, start: i.Start) -> i.Start:
        """The start with the business key that its start event finds in the payload, unless it has one. Raises what
        the event's expression raises."""
        element = self._registry.of(start).elements.get(start.element or "")
        if element is None or start.payload is None or start.business_key is not None:
            return start
        return msgspec.structs.replace(start, business_key=start_key(element, start.payload, "", self._clock.now()))

    def _sealed_start(self, start: i.Start) -> i.Start:
        process = self._registry.of(start)
        sealed = secrecy.sealed_input(process, None, start, partial(self._vault.seal, start.instance))
        if sealed == start or not isinstance(sealed, i.Start):
            return start
        digest = self._vault.digest(start.instance, start.digest or "")
        return msgspec.structs.replace(sealed, id=f"s:{start.instance}:{digest}", digest=digest)

    def forget(self, instance: str) -> None:
        """Destroy the key of an instance's secrets. Everything else of it can still be read."""
        self._vault.forget(instance)

    def has_open_calls(self, instance: str) -> bool:
        """Whether something that this instance, a root, called has not ended."""
        with reading(self._store) as connection:
            return instances.any_open_inside(connection, instance)

    def erase(self, instance: str) -> None:
        """Erase now what was recorded to be erased; where this is interrupted, some coordinator goes on with it.
        Raises `Poison` where the journal cannot be read, and `BrokerUnavailable`."""
        self._eraser.erase(instance)

    def forgotten(self, since: int, after: str = "", limit: int = 1_000) -> list[EntriesForgotten]:
        """What followers were told to forget at or after `since` (ms), by instance after `after`. Kept for at least 30
        days."""
        with reading(self._store) as connection:
            purged = tombstones.purged_since(connection, since, after, limit)
            erased = erasures.done_since(connection, since, after, limit)
        told = [EntriesForgotten(instance=instance, up_to=wire.EVERY, purged=True) for instance in purged]
        told += [EntriesForgotten(instance=instance, up_to=seq) for instance, seq in erased]
        return sorted(told, key=lambda each: each.instance)[:limit]

    def outcomes(self, inputs: Iterable[tuple[str, str]]) -> dict[str, Outcome]:
        """What became of these (instance, input id) pairs, by input id; those that nobody has handled yet are missing.
        Few queries for all: poll with many."""
        pairs = list(inputs)
        with reading(self._store) as connection:
            seqs = journal.seqs_of_inputs(connection, pairs)
            found = {input_id: Outcome(seq=seq) for (_, input_id), seq in seqs.items()}
            rest = [input_id for _, input_id in pairs if input_id not in found]
            if rest:
                refused = refusals.find(connection, rest)
                found |= {input_id: Outcome(refusal=refusal) for input_id, refusal in refused.items()}
                found |= {input_id: Outcome(queued=True) for input_id in queued.find(connection, rest)}
        return found

    # -- instances

    def instances(self, ids: Sequence[str]) -> dict[str, Instance]:
        """Those of these instances that exist."""
        with reading(self._store) as connection:
            return instances.find(connection, ids)

    def search(
        self,
        *,
        process: str | None = None,
        version: int | None = None,
        status: str | None = None,
        business_key: str | None = None,
        root: str | None = None,
        parent: str | None = None,
        open_only: bool = False,
        after: str = "",
        limit: int = 100,
    ) -> list[Instance]:
        """Instances by id, from `after` (exclusive) on. `root`: that one and everything below it."""
        with reading(self._store) as connection:
            return instances.search(
                connection,
                process=process,
                version=version,
                status=status,
                business_key=business_key,
                root=root,
                parent=parent,
                open_only=open_only,
                after=after,
                limit=limit,
            )

    def load(self, instance: str) -> InstanceState:
        """An instance as the journal tells it now. Raises `InstanceNotFound` (`InstancePurged` with what is left of
        it), and `Poison` if it cannot be read."""
        with reading(self._store) as connection:
            known = _load(connection, instance)
            purged = tombstones.find(connection, [instance]).get(instance)
        if purged is not None:
            raise InstancePurged(purged.told)
        if known is None:
            raise InstanceNotFound(f"there is no instance {instance!r}")
        return known.state

    def undo_plan(self, instance: str) -> tuple[InstanceState, list[PlannedUndo]]:
        """What a cancel with undo would undo now (nothing, once it has ended), with the state it is read from. What an
        instance that it called would undo follows the call. Raises as `load`."""
        state = self.load(instance)
        return state, [] if state.ended else list(itertools.chain.from_iterable(self._planned(state)))

    def _planned(self, state: InstanceState) -> Iterator[list[PlannedUndo]]:
        """Each undo, and behind a call as much as it means of what the child did: its newest come with its first."""
        below: dict[str, Iterator[list[PlannedUndo]]] = {}
        for step in undo_plan(self._registry.get(state.process, state.version), state):
            inner: Iterable[list[PlannedUndo]] = ()
            if step.child is not None:
                left = below.setdefault(step.child, self._planned_below(step.child))
                inner = itertools.islice(left, step.count or None)
            yield [PlannedUndo(state.id, step), *itertools.chain.from_iterable(inner)]

    def _planned_below(self, child: str) -> Iterator[list[PlannedUndo]]:
        """What a child would undo, also if it has ended; nothing, if it has not begun."""
        with contextlib.suppress(InstanceNotFound):
            yield from self._planned(self.load(child))

    def journal(self, instance: str, seq: int = 1, limit: int = 500) -> list[Row]:
        """Journal rows of an instance from `seq` on, as they are stored: large values are referred to."""
        with reading(self._store) as connection:
            return journal.rows_from(connection, instance, seq, limit)

    def whole_journal(self, instance: str, seq: int = 1, limit: int = 500) -> list[Row]:
        """The same with the contents that the rows refer to, for `wire.facts_of` and `wire.stored_input`."""
        with reading(self._store) as connection:
            return journal.with_contents(connection, journal.rows_from(connection, instance, seq, limit))

    def digests(self, since: int, after: str = "", limit: int = 1_000) -> list[tuple[str, int]]:
        """(instance, last seq) of instances that were open at or after `since` (ms), by id after `after`."""
        with reading(self._store) as connection:
            return instances.digests(connection, since, after, limit)


def _load(connection: Connection, instance: str) -> Known | None:
    record = journal.load(connection, [instance]).get(instance)
    if record is None:
        return None
    return folded(instance, record) or folded(instance, journal.load_whole(connection, instance))
