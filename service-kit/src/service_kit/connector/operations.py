"""Carrying out one operation on one system, for the worker and the REST door alike."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from service_kit.catalogue import Catalogue, Effect, Operation
from service_kit.connector.breaker import Breaker
from service_kit.connector.call import AdapterFactory, Call
from service_kit.connector.events import EventSource
from service_kit.connector.gate import Gate, NotNow, gate_of, maintenance_of
from service_kit.connector.mapping import Mappings
from service_kit.connector.outcomes import (
    INVALID_INPUT,
    UNKNOWN_OPERATION,
    UNKNOWN_SYSTEM,
    NotApplied,
    Refused,
    Uncertain,
    outcome_of,
)
from service_kit.connector.rules import MAYBE, as_execution, believed
from service_kit.connector.sending import LOST, Permit, sending
from service_kit.connector.systems import System, Systems, SystemsError, UnknownSystem
from service_kit.messages import (
    Command,
    Outcome,
    Probed,
    Rejected,
    Unavailable,
    Unknown,
)

log = structlog.get_logger(__name__)


def _always() -> bool:
    return True


class _Installation(msgspec.Struct, frozen=True):
    system: System
    adapter: Any
    breaker: Breaker


class Operations:
    """The operations of one connector on its configured systems. Thread-safe."""

    def __init__(
        self,
        catalogue: Catalogue,
        systems: Systems,
        adapters: Mapping[str, AdapterFactory],
        mappings: Callable[[str], Mappings],
        permit: Callable[[], Permit] = lambda: _always,
        pace: Callable[[str, float], None] = lambda system, rate: None,
    ) -> None:
        """`mappings(adapter name)` gives that adapter's mappings, `permit()` tells from then on whether what began then
        may be sent; `pace(system, rate)` waits for a call's turn, or raises `NotApplied`. Raises `SystemsError` for an
        unknown adapter."""
        self.catalogue = catalogue
        self._systems = systems
        self._adapters = adapters
        self._mappings = mappings
        self.permit = permit
        self._pace = pace
        self._lock = threading.Lock()
        self._installed: dict[str, _Installation] = {}
        self._validators = {name: _validator(operation) for name, operation in catalogue.items()}
        for system in systems.all():
            if system.adapter not in adapters:
                raise SystemsError(f"systems.{system.name}: there is no adapter {system.adapter}")

    def find(self, name: str) -> Operation | None:
        """The catalogue's operation."""
        return self.catalogue.get(name)

    def knows(self, system: str) -> bool:
        """Whether such a system is configured."""
        try:
            self._systems.get(system)
        except UnknownSystem:
            return False
        return True

    def concurrency(self, system: str) -> int:
        """How many calls the system takes at the same time."""
        try:
            return self._systems.get(system).concurrency
        except UnknownSystem:
            return 1

    def gate(self, system: str) -> Gate:
        """Whether commands for `system` may go now."""
        try:
            known = self._systems.get(system)
        except UnknownSystem:
            return Gate()
        installed = self._installed.get(system)
        return gate_of(known, installed.breaker if installed is not None and installed.system is known else None)

    def execute(self, command: Command, permit: Permit | None = None, *, paced: bool = False) -> Outcome | NotNow:
        """Carry `command` out; never raises. `permit` is from before the command was marked as started; `paced`: its
        turn has been waited for.

        A create that may have been carried out before (`verify`) is only looked for, and not sent: that it is not there
        yet does not prove that it was not carried out, until `settle` is over.
        """
        if self.only_looks(command):
            return as_execution(self.probe(command, settled=False), MAYBE)
        prepared = self._prepare(command)
        if not isinstance(prepared, tuple):
            return prepared
        operation, installation = prepared
        refusal = self._invalid(operation, command.input)
        if refusal is not None:
            return refusal
        call = _call(command, operation, installation.system)
        return self._call(installation, operation, operation.method, call, permit or self.permit(), paced)

    def only_looks(self, command: Command) -> bool:
        """Whether `execute` sends nothing, but looks for what may have been carried out before."""
        operation = self.catalogue.get(command.operation)
        return command.verify and operation is not None and operation.effect is Effect.CREATE and operation.probe

    def result(self, command: Command, reference: str | None) -> Outcome:
        """Ask for the result of a command that was accepted as `reference`; never raises. Anything but Completed and
        Rejected: it is not there yet, or could not be asked for."""
        prepared = self._prepare(command)
        if not isinstance(prepared, tuple):
            return prepared if isinstance(prepared, Unavailable) else Unavailable(reason=prepared.message)
        operation, installation = prepared
        call = msgspec.structs.replace(_call(command, operation, installation.system), previous=reference)
        found = self._call(installation, operation, "result_" + operation.method, call, self.permit())
        return found.unavailable() if isinstance(found, NotNow) else found

    def probe(self, command: Command, settled: bool) -> Outcome:
        """Ask the system whether `command`'s hub key was applied; never raises. Unavailable: it could not be asked."""
        prepared = self._prepare(command)
        if isinstance(prepared, Rejected):
            return Unavailable(reason=f"{prepared.code}: {prepared.message}")
        if isinstance(prepared, Unavailable):
            return prepared
        found = self._ask(command, *prepared, settled=settled)
        return believed(found, settled) if isinstance(found, Probed) else found

    def find_out(self, command: Command) -> Outcome:
        """The outcome of a create that was started by a process which is gone."""
        return as_execution(self.probe(command, settled=False))

    def event_sources(self) -> list[tuple[str, EventSource]]:
        """The configured systems whose adapters have events, by name."""
        adapters = [(system.name, self._installation(system.name).adapter) for system in self._systems.all()]
        return [(name, adapter) for name, adapter in adapters if hasattr(adapter, "events")]

    def close(self) -> None:
        """Close the adapters that can be closed."""
        for installation in self._installed.values():
            getattr(installation.adapter, "close", lambda: None)()

    def _ask(self, command: Command, operation: Operation, installation: _Installation, settled: bool) -> Outcome:
        call = _call(command, operation, installation.system, settled)
        found = self._call(installation, operation, "probe_" + operation.method, call, self.permit())
        if isinstance(found, NotNow):
            return found.unavailable()
        if isinstance(found, Probed | Unavailable):
            return found
        return Unavailable(reason=f"the probe failed: {getattr(found, 'reason', None) or getattr(found, 'code', '')}")

    def _call(
        self,
        installation: _Installation,
        operation: Operation,
        method: str,
        call: Call,
        permit: Permit,
        paced: bool = False,
    ) -> Outcome | NotNow:
        blocked = self._blocked(installation, permit, paced)
        if blocked is not None:
            return blocked
        outcome: Outcome
        try:
            with sending(permit):
                outcome = _returned(getattr(installation.adapter, method)(call), operation.effect)
        except (NotApplied, Refused, Uncertain) as error:
            outcome = outcome_of(error, operation.effect)
        except Exception as error:
            log.exception("adapter.failed", operation=call.operation, system=call.system.name, command=call.command)
            outcome = outcome_of(error, operation.effect)
        installation.breaker.leave(outcome)
        return outcome

    def _blocked(self, installation: _Installation, permit: Permit, paced: bool) -> Unavailable | NotNow | None:
        system = installation.system
        if not permit():
            return Unavailable(reason=LOST)
        if (maintenance := maintenance_of(system)) is not None:
            return maintenance
        try:
            installation.breaker.enter()
            if system.rate and not paced:
                self._pace(system.name, system.rate)
        except NotApplied as error:
            return NotNow(error.reason, error.retry_after or 0.0)
        return None

    def _prepare(self, command: Command) -> Rejected | Unavailable | tuple[Operation, _Installation]:
        operation = self.catalogue.get(command.operation)
        if operation is None:
            return Rejected(code=UNKNOWN_OPERATION, message=f"there is no operation {command.operation}")
        try:
            return operation, self._installation(command.system)
        except (UnknownSystem, SystemsError) as error:
            return Rejected(code=UNKNOWN_SYSTEM, message=str(error))
        except Exception as error:
            log.exception("adapter.not_started", system=command.system)
            return Unavailable(reason=f"the adapter of {command.system} cannot be started: {type(error).__name__}")

    def _installation(self, name: str) -> _Installation:
        system = self._systems.get(name)
        installed = self._installed.get(name)
        if installed is not None and installed.system is system:
            return installed
        with self._lock:
            installed = self._installed.get(name)
            if installed is None or installed.system is not system:
                installed = self._installed[name] = self._install(system)
            return installed

    def _install(self, system: System) -> _Installation:
        # What an older installation is still doing goes on with its old adapter, which is never closed under it.
        if system.adapter not in self._adapters:
            raise SystemsError(f"systems.{system.name}: there is no adapter {system.adapter}")
        adapter = self._adapters[system.adapter](system, self._mappings(system.adapter))
        return _Installation(system, adapter, Breaker())

    def _invalid(self, operation: Operation, value: Any) -> Rejected | None:
        validator = self._validators[operation.name]
        if validator is None or validator.is_valid(value):
            return None
        error = best_match(validator.iter_errors(value))
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        field = field.lstrip(".") or "input"
        return Rejected(code=INVALID_INPUT, message=f"{field}: {error.message}", details={"field": field})


def _returned(value: Any, effect: Effect) -> Outcome:
    if not isinstance(value, Outcome):
        raise TypeError(f"the adapter returned {type(value).__name__}")
    if isinstance(value, Unknown) and effect is Effect.READ:
        return Unavailable(reason=value.reason)
    return value


def _validator(operation: Operation) -> Draft202012Validator | None:
    if operation.input_schema is None:
        return None
    return Draft202012Validator(operation.input_schema, format_checker=FormatChecker())


def _call(command: Command, operation: Operation, system: System, settled: bool = True) -> Call:
    timeout = min(command.timeout or operation.timeout, operation.timeout)
    return Call(
        operation=operation.name,
        input=command.input,
        hub_key=command.hub_key,
        system=system,
        timeout=timeout,
        command=command.id,
        business_key=command.business_key,
        settled=settled,
    )
