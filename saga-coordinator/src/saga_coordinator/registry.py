"""Deployed process versions, parsed once."""

import threading
from collections.abc import Mapping
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine

from saga_coordinator.decisions import Decisions
from saga_coordinator.engine.process import Element, Expression, Process, Trigger
from saga_coordinator.errors import ProcessNotFound
from saga_coordinator.store import processes
from service_kit.database import reading


class Parse(Protocol):
    """Makes a process of a file and the id of a process in it, which asks these decisions. Raises `bpmn.Refused`."""

    def __call__(self, xml: bytes, process_id: str, decisions: Mapping[str, Expression] | None = None) -> Process:
        """Parse."""


class StartEvent(msgspec.Struct, frozen=True):
    """A start event of the newest version of a process."""

    process: Process
    element: Element


class Registry:
    """Thread-safe. A version never changes, so what was parsed stays; which one is the newest is asked every time."""

    def __init__(self, store: Engine, parse: Parse, decisions: Decisions) -> None:
        self._store = store
        self._decisions = decisions
        self._parse = parse
        self._parsed: dict[tuple[str, int], Process] = {}
        self._lock = threading.Lock()

    def get(self, process: str, version: int) -> Process:
        """A parsed version. Raises `ProcessNotFound`, or what parsing raises."""
        known = self._parsed.get((process, version))
        if known is not None:
            return known
        with self._lock, reading(self._store) as connection:
            return self._read(connection, process, version)

    def latest(self, process: str) -> Process:
        """The newest version. Raises `ProcessNotFound`."""
        with reading(self._store) as connection:
            newest = processes.latest_versions(connection).get(process)
        if newest is None:
            raise ProcessNotFound(f"no process {process!r} is deployed")
        return self.get(process, newest)

    def message_starts(self, connection: Connection) -> dict[str, list[StartEvent]]:
        """The message start events of the newest versions, by message name."""
        found: dict[str, list[StartEvent]] = {}
        for id_, version in sorted(processes.latest_versions(connection).items()):
            process = self._parsed.get((id_, version)) or self._read(connection, id_, version)
            for element in start_events(process, Trigger.MESSAGE):
                if element.event is not None:
                    found.setdefault(element.event.name, []).append(StartEvent(process, element))
        return found

    def _read(self, connection: Connection, process: str, version: int) -> Process:
        row = processes.get(connection, process, version)
        if row is None:
            raise ProcessNotFound(f"version {version} of process {process!r} is not deployed")
        found = self._parse(row.xml, process, self._decisions.bound(row.decisions))
        parsed = msgspec.structs.replace(found, version=version)
        return self._parsed.setdefault((process, version), parsed)


def start_events(process: Process, trigger: Trigger) -> list[Element]:
    """The start events of the process itself with this trigger."""
    elements = [process.elements[id_] for id_ in process.body.starts]
    return [element for element in elements if element.event is not None and element.event.trigger is trigger]
