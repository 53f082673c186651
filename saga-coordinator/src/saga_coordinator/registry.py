"""Deployed process versions, parsed once."""

import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine

from saga_coordinator.calls import NEWEST
from saga_coordinator.decisions import Decisions
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Element, Expression, Kind, Process, Trigger
from saga_coordinator.errors import ProcessNotFound
from saga_coordinator.store import processes
from service_kit.database import reading


class Parse(Protocol):
    """Makes a process of a file and the id of a process in it, which asks these decisions. Raises `bpmn.Refused`."""

    def __call__(self, xml: bytes, process_id: str, decisions: Mapping[str, Expression] | None = None) -> Process:
        """Parse."""


class StartEvent(msgspec.Struct, frozen=True):
    """A start event of the newest version of a process, or another event that begins instances of it."""

    process: Process
    element: Element


# By trigger (message or signal) and name.
Starts = Mapping[tuple[Trigger, str], Sequence[StartEvent]]


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

    def of(self, start: i.Start) -> Process:
        """The process that this would start. Raises as `get`."""
        return self.latest(start.process) if start.version == NEWEST else self.get(start.process, start.version)

    def starts(self, connection: Connection) -> Starts:
        """What begins instances of the newest versions when a message or signal comes, by its name."""
        found: dict[tuple[Trigger, str], list[StartEvent]] = {}
        for id_, version in sorted(processes.latest_versions(connection).items()):
            process = self._parsed.get((id_, version)) or self._read(connection, id_, version)
            for trigger in (Trigger.MESSAGE, Trigger.SIGNAL):
                for element in start_events(process, trigger):
                    if element.event is not None:
                        found.setdefault((trigger, element.event.name), []).append(StartEvent(process, element))
        return found

    def _read(self, connection: Connection, process: str, version: int) -> Process:
        row = processes.get(connection, process, version)
        if row is None:
            raise ProcessNotFound(f"version {version} of process {process!r} is not deployed")
        found = self._parse(row.xml, process, self._decisions.bound(row.decisions))
        parsed = msgspec.structs.replace(found, version=version)
        return self._parsed.setdefault((process, version), parsed)


def start_events(process: Process, trigger: Trigger) -> list[Element]:
    """The events with this trigger that begin the process: start events, receive tasks that instantiate, and what
    follows an event-based gateway that does."""
    elements = beginnings(process)
    return [element for element in elements if element.event is not None and element.event.trigger is trigger]


def beginnings(process: Process) -> list[Element]:
    """Everything that a start can name: start events with any trigger and without one, and what else begins it."""
    return [element for id_ in process.body.starts for element in _beginnings(process, process.elements[id_])]


def _beginnings(process: Process, begins: Element) -> list[Element]:
    if begins.kind is not Kind.EVENT_GATEWAY:
        return [begins] if begins.kind is Kind.START_EVENT or begins.instantiate else []
    return [process.elements[process.flows[flow].target] for flow in begins.outgoing] if begins.instantiate else []
