"""Faults that tests inject: per system, operation, business key and n-th call."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from secrets import token_hex
from threading import Lock, Timer
from typing import Any

from sandbox.errors import BadRequest

SYSTEMS = ("erp", "crm", "wms")


class Kind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    HTTP = "http"
    DELAY = "delay"
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    DOWN = "down"
    DUPLICATE_EVENT = "duplicate-event"
    LOCK_RECORD = "lock-record"
    CLOSE_PERIOD = "close-period"
    STUCK = "stuck"


_HTTP_ONLY = {Kind.HTTP, Kind.DROP_BEFORE, Kind.DROP_AFTER}
ALLOWED = {
    "erp": set(Kind) - {Kind.DUPLICATE_EVENT, Kind.STUCK},
    "crm": set(Kind) - {Kind.STUCK},
    "wms": set(Kind) - {Kind.DUPLICATE_EVENT} - _HTTP_ONLY,
}


@dataclass(frozen=True)
class Call:
    """One call of a vendor's interface; `text` is everything that a fault may match on."""

    system: str
    operation: str
    text: str


@dataclass
class Fault:
    """One injected fault and how often it was met. The fields are described in the README."""

    system: str
    kind: Kind
    operation: str = "*"
    match: str = ""
    nth: int = 1
    times: int | None = 1
    delay_ms: int = 1000
    for_ms: int | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: int | None = None
    id: str = field(default_factory=lambda: token_hex(8))
    seen: int = 0
    fired: int = 0

    def fires(self, call: Call) -> bool:
        """Counts the call if it matches, and says whether the fault happens to it."""
        if self.system != call.system or not fnmatchcase(call.operation, self.operation) or self.match not in call.text:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.seen >= self.nth + self.times):
            return False
        self.fired += 1
        return True


class FaultBook:
    """All injected faults, in memory. `on_change(system)` is called when a system goes down or comes back."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._lock = Lock()
        self.on_change: Callable[[str], None] = lambda system: None

    def add(self, fault: Fault) -> None:
        """Injects a fault; a `down` takes effect before this returns."""
        with self._lock:
            self._faults[fault.id] = fault
        if fault.kind is Kind.DOWN:
            self.on_change(fault.system)
            if fault.for_ms is not None:
                timer = Timer(fault.for_ms / 1000, self.remove, (fault.id,))
                timer.daemon = True
                timer.start()

    def remove(self, fault_id: str) -> bool:
        """Removes one fault; False when there was none."""
        with self._lock:
            fault = self._faults.pop(fault_id, None)
        if fault and fault.kind is Kind.DOWN:
            self.on_change(fault.system)
        return fault is not None

    def clear(self, system: str | None = None) -> int:
        """Removes all faults (of a system) and counts them."""
        chosen = [fault.id for fault in self.faults() if system in (None, fault.system)]
        return sum(self.remove(fault_id) for fault_id in chosen)

    def faults(self) -> list[Fault]:
        """All faults, oldest first."""
        with self._lock:
            return list(self._faults.values())

    def is_armed(self, system: str) -> bool:
        """Whether a system has any fault at all: spares the others the work of describing their calls."""
        return any(fault.system == system for fault in self.faults())

    def is_down(self, system: str) -> bool:
        """Whether a system is down."""
        return any(fault.system == system and fault.kind is Kind.DOWN for fault in self.faults())

    def holds(self, fault_id: str) -> bool:
        """Whether a fault is still there."""
        with self._lock:
            return fault_id in self._faults

    def firing(self, call: Call) -> list[Fault]:
        """The faults that happen to a call."""
        return self._observe(call, lambda kind: kind not in (Kind.DOWN, Kind.DUPLICATE_EVENT))

    def repeats_event(self, call: Call) -> bool:
        """Whether the record that a query returned shall be returned once more."""
        return bool(self._observe(call, lambda kind: kind is Kind.DUPLICATE_EVENT))

    def _observe(self, call: Call, of_kind: Callable[[Kind], bool]) -> list[Fault]:
        with self._lock:
            return [fault for fault in self._faults.values() if of_kind(fault.kind) and fault.fires(call)]


def fault_from_json(body: Any) -> Fault:
    """Reads a fault from the admin API; raises `BadRequest` naming the field."""
    if not isinstance(body, Mapping):
        raise BadRequest("a fault is a JSON object")
    if unknown := sorted(set(body) - (set(Fault.__dataclass_fields__) - {"id", "seen", "fired"})):
        raise BadRequest(f"unknown field {unknown[0]}")
    if body.get("system") not in SYSTEMS:
        raise BadRequest(f"system must be one of {', '.join(SYSTEMS)}")
    if body.get("kind") not in {kind.value for kind in ALLOWED[body["system"]]}:
        raise BadRequest(f"kind must be one of {', '.join(sorted(ALLOWED[body['system']]))}")
    _check_types(body)
    return Fault(**{**body, "kind": Kind(body["kind"])})


def fault_to_json(fault: Fault) -> dict[str, Any]:
    """The fault with its counters."""
    return asdict(fault)


_NUMBERS = {"nth": 1, "times": 1, "delay_ms": 0, "for_ms": 0, "status": 100, "retry_after": 0}
_NULLABLE = {"times", "for_ms", "status", "retry_after", "code", "message"}


def _check_types(body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        if value is None and name in _NULLABLE:
            continue
        if name in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or value < _NUMBERS[name]:
                raise BadRequest(f"{name} must be a whole number of at least {_NUMBERS[name]}")
        elif not isinstance(value, str):
            raise BadRequest(f"{name} must be text")
