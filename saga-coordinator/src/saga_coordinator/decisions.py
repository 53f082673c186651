"""Deployed decisions: versioned like processes, and bound to the process versions that ask them.

A process version asks the decision versions that were the newest when it was deployed, for ever.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from saga_coordinator import dmn
from saga_coordinator.clock import Clock
from saga_coordinator.dmn import Decision
from saga_coordinator.engine.process import Expression, Process
from saga_coordinator.errors import DecisionNotFound
from saga_coordinator.store import decisions
from saga_coordinator.store.decisions import DecisionVersion
from service_kit import expressions
from service_kit.database import reading, writing


class Bound(Mapping[str, Decision]):
    """Decisions by id, each in the version that `versions` names; read when it is asked for."""

    def __init__(self, load: Callable[[str, int], Decision], versions: Mapping[str, int]) -> None:
        self._load = load
        self.versions = versions

    def __getitem__(self, id_: str) -> Decision:
        return self._load(id_, self.versions[id_])

    def __contains__(self, id_: object) -> bool:
        return id_ in self.versions

    def __iter__(self) -> Iterator[str]:
        return iter(self.versions)

    def __len__(self) -> int:
        return len(self.versions)


class Decisions:
    """Thread-safe. A version never changes, so what was parsed stays. Methods may raise sqlalchemy's errors."""

    def __init__(
        self,
        store: Engine,
        clock: Clock,
        compile: Callable[[str], Expression] = expressions.compile,  # noqa: A002
    ) -> None:
        self._store = store
        self._clock = clock
        self._compile = compile
        self._parsed: dict[tuple[str, int], Decision] = {}

    def check(self, xml: bytes) -> list[str]:
        """The ids of a file's decisions. Raises `saga_coordinator.bpmn.Refused` with the findings."""
        return list(dmn.parse(xml, compile=self._compile))

    def deploy(self, xml: bytes, *, by: str | None = None) -> list[tuple[DecisionVersion, bool]]:
        """Deploy every decision of a file as its next version, and whether that is a new one: a file that is the newest
        version already gives that version. Raises `saga_coordinator.bpmn.Refused`, and nothing is stored."""
        found = dmn.parse(xml, compile=self._compile)
        while True:
            try:
                return self._store_versions(found, xml, by)
            except IntegrityError:
                continue  # somebody else deployed that version number at the same time

    def _store_versions(
        self, found: Mapping[str, Decision], xml: bytes, by: str | None
    ) -> list[tuple[DecisionVersion, bool]]:
        digest, now = hashlib.sha256(xml).hexdigest(), self._clock.now()
        with writing(self._store) as connection:
            known = decisions.latest(connection, list(found))
            rows = []
            for id_, decision in found.items():
                newest = known.get(id_)
                if newest is not None and newest.digest == digest:
                    rows.append((newest, False))
                    continue
                version = newest.version + 1 if newest is not None else 1
                rows.append((DecisionVersion(id_, version, digest, decision.title, xml, now, by), True))
            new = [row for row, is_new in rows if is_new]
            if new:
                decisions.add(connection, new)
        return rows

    def all(self) -> list[DecisionVersion]:
        """Every version of every decision, newest first within a decision."""
        with reading(self._store) as connection:
            return decisions.all_versions(connection)

    def newest(self) -> Bound:
        """The newest versions there are now."""
        with reading(self._store) as connection:
            return self.bound(decisions.latest_versions(connection))

    def bound(self, versions: Mapping[str, int]) -> Bound:
        """Decisions in these versions. Asking for one raises `DecisionNotFound`."""
        return Bound(self._get, versions)

    def _get(self, id_: str, version: int) -> Decision:
        known = self._parsed.get((id_, version))
        if known is not None:
            return known
        with reading(self._store) as connection:
            row = decisions.get(connection, id_, version)
        if row is None:
            raise DecisionNotFound(f"version {version} of decision {id_!r} is not deployed")
        return self._parsed.setdefault((id_, version), dmn.parse(row.xml, compile=self._compile)[id_])


def asked_by(process: Process) -> set[str]:
    """The ids of the decisions that a process asks."""
    tasks = (element.task for element in process.elements.values() if element.task is not None)
    return {task.decision.id for task in tasks if isinstance(task.decision, Decision)}
