"""Names and kinds of a process's elements, for people: read from its diagram once, then kept in the store."""

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

import msgspec
import structlog
from sqlalchemy import Engine

from monitor_service import store
from monitor_service.coordinator import Coordinator
from monitor_service.errors import CoordinatorAway, InstanceNotFound
from service_kit.database import reading, writing

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_SEPARATOR = " "

_log = structlog.get_logger(__name__)


class Element(msgspec.Struct, frozen=True):
    """How the diagram calls an element, and what it is (`serviceTask`)."""

    name: str = ""
    kind: str = ""


Elements = dict[str, Element]
_decoder = msgspec.json.Decoder(Elements)


class Diagrams:
    """Elements by process version. Blocking; thread-safe."""

    def __init__(self, engine: Engine, coordinator: Coordinator) -> None:
        self._engine = engine
        self._coordinator = coordinator
        self._known: dict[tuple[str, int], Elements] = {}

    def elements(self, process: str, version: int) -> Elements:
        """Those of a deployed version; none where its diagram cannot be had now: a timeline can do without."""
        key = process, version
        if key not in self._known:
            try:
                self._known[key] = self._stored(process, version) or self._read(process, version)
            except (CoordinatorAway, InstanceNotFound, expat.ExpatError) as error:
                _log.warning("monitor.no_diagram", process=process, version=version, error=str(error))
                return {}
        return self._known[key]

    def _stored(self, process: str, version: int) -> Elements | None:
        with reading(self._engine) as connection:
            kept = store.find_diagram(connection, process, version)
        return None if kept is None else _decoder.decode(kept)

    def _read(self, process: str, version: int) -> Elements:
        elements = elements_of(self._coordinator.diagram(process, version))
        with writing(self._engine) as connection:
            store.add_diagram(connection, process, version, msgspec.json.encode(elements))
        return elements


def elements_of(xml: bytes) -> Elements:
    """What has an id in the BPMN model. Raises `ExpatError`; a file with a DTD (and so entities) gives nothing."""
    found: Elements = {}
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.StartElementHandler = _collector(found)
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(xml, True)
    except _Refused:
        return {}
    return found


class _Refused(Exception):
    pass


def _refuse(*_: Any) -> None:
    raise _Refused


def _collector(found: Elements) -> Callable[[str, dict[str, str]], None]:
    def collect(name: str, attributes: dict[str, str]) -> None:
        namespace, _, kind = name.rpartition(_SEPARATOR)
        if namespace == BPMN and "id" in attributes:
            found[attributes["id"]] = Element(attributes.get("name", ""), kind)

    return collect
