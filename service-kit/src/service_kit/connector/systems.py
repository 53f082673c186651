"""The configured systems: `systems.yaml`, re-read when the file changes, secrets by reference only.

systems:
  erp:
    connector: erp
    adapter: sap-s4
    address: "http://127.0.0.1:8001"
    options: {client: "100"}
    credentials: {user: {env: ERP_USER}, password: {file: /run/secrets/erp}}
    concurrency: 8        # calls at the same time (default 8)
    rate: 20              # calls per second, of all processes together (default: as many as it takes)
    maintenance:          # when it must be left alone (see `maintenance`); commands wait until it is over
      - {days: [sat], from: "22:00", to: "06:00", zone: Europe/Berlin}
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog
import yaml

from service_kit.connector.maintenance import BadWindow, Window, read_windows
from service_kit.errors import KitError

CHECK_INTERVAL = 1.0

log = structlog.get_logger(__name__)


class SystemsError(KitError):
    """`systems.yaml` is wrong; the message names the system and the field, never a secret."""


class UnknownSystem(KitError):
    """No system of that name is configured for this connector."""


class System(msgspec.Struct, frozen=True, kw_only=True):
    """One installed business system. `credentials` are resolved and are never part of its repr."""

    name: str
    connector: str
    adapter: str
    address: str = ""
    options: dict[str, Any] = {}
    credentials: dict[str, str] = {}
    concurrency: int = 8
    rate: float | None = None
    maintenance: tuple[Window, ...] = ()

    def __repr__(self) -> str:
        return f"System({self.name!r}, {self.adapter!r}, {self.address!r})"


class _Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    env: str | None = None
    file: str | None = None


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    connector: str
    adapter: str
    address: str = ""
    options: dict[str, Any] = {}
    credentials: dict[str, _Reference] = {}
    concurrency: int = 8
    rate: float | None = None
    maintenance: list[Any] = []


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    systems: dict[str, Any]


def load_systems(file: Path, environ: Mapping[str, str]) -> dict[str, System]:
    """All systems of `file`, credentials resolved. Raises `SystemsError`."""
    try:
        document = msgspec.convert(yaml.load(file.read_text("utf-8"), yaml.CSafeLoader), _Document)
    except OSError as error:
        raise SystemsError(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise SystemsError(f"{file}: {error}") from error
    return {name: _system(file, name, entry, environ) for name, entry in document.systems.items()}


def _system(file: Path, name: str, told: Any, environ: Mapping[str, str]) -> System:
    try:
        entry = msgspec.convert(told, _Entry)
        maintenance = read_windows(entry.maintenance)
    except (msgspec.ValidationError, BadWindow) as error:
        raise SystemsError(f"{file}: systems.{name}: {error}") from error
    if entry.concurrency < 1 or (entry.rate is not None and entry.rate <= 0):
        raise SystemsError(f"{file}: systems.{name}: concurrency and rate must be above 0")
    credentials = {}
    for key, reference in entry.credentials.items():
        try:
            credentials[key] = _secret(reference, environ)
        except SystemsError as error:
            raise SystemsError(f"{file}: systems.{name}.credentials.{key}: {error}") from error
    return System(
        name=name,
        connector=entry.connector,
        adapter=entry.adapter,
        address=entry.address,
        options=entry.options,
        credentials=credentials,
        concurrency=entry.concurrency,
        rate=entry.rate,
        maintenance=maintenance,
    )


def _secret(reference: _Reference, environ: Mapping[str, str]) -> str:
    if (reference.env is None) == (reference.file is None):
        raise SystemsError("say either env or file")
    if reference.file is not None:
        try:
            return Path(reference.file).read_text("utf-8").rstrip("\r\n")
        except OSError as error:
            raise SystemsError(f"{reference.file} cannot be read: {error.strerror}") from error
    if reference.env not in environ:
        raise SystemsError(f"the environment has no {reference.env}")
    return environ[reference.env or ""]


class Systems:
    """The systems of one connector. Thread-safe. `file` None: those given, for ever (tests, embedded mode)."""

    def __init__(
        self,
        connector: str,
        file: Path | None = None,
        environ: Mapping[str, str] | None = None,
        systems: Mapping[str, System] | None = None,
    ) -> None:
        self._connector = connector
        self._file = file
        self._environ = environ or {}
        self._lock = threading.Lock()
        self._checked = time.monotonic()
        self._stamp = self._read_stamp()
        self._systems = load_systems(file, self._environ) if file else dict(systems or {})

    def get(self, name: str) -> System:
        """Raises `UnknownSystem`."""
        self._refresh()
        system = self._systems.get(name)
        if system is None or system.connector != self._connector:
            raise UnknownSystem(f"{name}: no such system is configured for the connector {self._connector}")
        return system

    def all(self) -> list[System]:
        """Those of this connector."""
        self._refresh()
        return [system for system in self._systems.values() if system.connector == self._connector]

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._file is None or now - self._checked < CHECK_INTERVAL:
            return
        with self._lock:
            self._checked = now
            stamp = self._read_stamp()
            if stamp == self._stamp:
                return
            try:
                self._systems = load_systems(self._file, self._environ)
                self._stamp = stamp
                log.info("systems.reread", systems=sorted(self._systems))
            except SystemsError as error:  # a half-written file must not stop what runs: the last good one stays
                log.warning("systems.unreadable", error=str(error))

    def _read_stamp(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size) if status else None
