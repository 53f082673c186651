"""What operators do to many instances at once: suspend a system or a process, and move instances to another version."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from saga_coordinator.clock import Clock
from saga_coordinator.engine.migrating import lost_undos, problems
from saga_coordinator.errors import AlreadySuspended, InstanceNotFound, NotSuspended, Poison
from saga_coordinator.service import Service
from saga_coordinator.store import held_commands, suspensions
from saga_coordinator.store.suspensions import PROCESS, SYSTEM, Suspension
from saga_coordinator.suspensions import Suspensions
from service_kit.database import reading, writing
from service_kit.ids import new_id


class Reach(msgspec.Struct, frozen=True):
    """A suspension and how far it reaches: commands held back (of a system); open instances that are suspended, and
    those that are not yet (of a process)."""

    suspension: Suspension
    commands: int = 0
    suspended: int = 0
    left: int = 0


class Candidate(msgspec.Struct, frozen=True):
    """An instance that was to be migrated: why it cannot be (nothing: it can), and which undos would be lost."""

    instance: str
    business_key: str | None = None
    status: str | None = None
    seq: int | None = None
    problems: list[str] = []
    code: str | None = None
    lost_undos: list[str] = []


class Operating:
    """Thread-safe. Every method may raise sqlalchemy's errors."""

    def __init__(self, store: Engine, clock: Clock, service: Service, known: Suspensions) -> None:
        self._store = store
        self._clock = clock
        self._service = service
        self._known = known

    # -- suspensions

    def suspend(self, kind: str, name: str, by: str, reason: str) -> Reach:
        """Suspend a system or process. Raises `AlreadySuspended`, and `ProcessNotFound` for a process that nobody has
        deployed; which systems there are, only the connectors know."""
        if kind == PROCESS:
            self._service.registry.latest(name)
        row = Suspension(new_id(), kind, name, by, reason, self._clock.now())
        try:
            with writing(self._store) as connection:
                suspensions.add(connection, row)
        except IntegrityError as error:
            raise AlreadySuspended(f"The {kind} {name} is suspended already.") from error
        self._known.refreshed()
        return self._reach(row)

    def resume(self, kind: str, name: str, by: str, reason: str) -> Reach:
        """Let it go on. Raises `NotSuspended`."""
        with writing(self._store) as connection:
            row = suspensions.end(connection, kind, name, self._clock.now(), by, reason)
        if row is None:
            raise NotSuspended(f"The {kind} {name} is not suspended.")
        self._known.refreshed()
        return self._reach(row)

    def suspensions(self) -> list[Reach]:
        """What is suspended, and what was resumed and is not all going on yet; oldest first."""
        with reading(self._store) as connection:
            rows = suspensions.every(connection)
        return [self._reach(row) for row in rows]

    def is_suspended(self, process: str) -> bool:
        """Whether nothing may start in this process now."""
        return process in self._known.refreshed().processes

    def _reach(self, row: Suspension) -> Reach:
        with reading(self._store) as connection:
            if row.kind == SYSTEM:
                return Reach(row, commands=held_commands.counts(connection).get(row.name, 0))
            suspended, left = suspensions.count(connection, row.name)
            return Reach(row, suspended=suspended, left=left)

    # -- migrations

    def candidates(
        self,
        process: str,
        source: int,
        target: int,
        elements: Mapping[str, str],
        *,
        instances: Sequence[str] | None = None,
        after: str = "",
        limit: int = 200,
    ) -> list[Candidate]:
        """Open instances of version `source`, by id after `after` (or just these), and whether each can go on in
        version `target`. Raises `ProcessNotFound`."""
        self._service.registry.get(process, source)
        self._service.registry.get(process, target)
        if instances is None:
            rows = self._service.search(process=process, version=source, open_only=True, after=after, limit=limit)
            ids: Sequence[str] = [row.id for row in rows]
        else:
            ids = [id_ for id_ in sorted(set(instances)) if id_ > after][:limit]
        return [self._candidate(id_, process, source, target, elements) for id_ in ids]

    def _candidate(
        self, instance: str, process: str, source: int, target: int, elements: Mapping[str, str]
    ) -> Candidate:
        try:
            state = self._service.load(instance)
        except InstanceNotFound:
            return Candidate(instance, problems=["there is no such instance"])
        except Poison as poison:
            return Candidate(instance, problems=[f"its journal cannot be read: {poison}"])
        known = Candidate(instance, state.business_key, state.status, state.seq)
        if state.process != process or state.version != source:
            told = f"it is in version {state.version} of {state.process}"
            return msgspec.structs.replace(known, problems=[told])
        if source == target:
            return msgspec.structs.replace(
                known, problems=[f"the instance is in version {target}"], code="SAME_VERSION"
            )
        there = self._service.registry.get(process, target)
        return msgspec.structs.replace(
            known, problems=problems(there, state, elements), lost_undos=lost_undos(there, state, elements)
        )
