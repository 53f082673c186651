"""Calls of operations, for tests of adapters."""

from typing import Any, Protocol

from service_kit.connector.call import Call
from service_kit.connector.systems import System
from service_kit.ids import new_id


class MakeCall(Protocol):
    """Makes calls of one system."""

    def __call__(self, operation: str, value: Any, timeout: float = ...) -> Call:
        """A call of `operation`, named without its connector."""


def calls_of(system: System, *, hub_key: str | None = None, business_key: str | None = None) -> MakeCall:
    """Makes calls of `system`, each with a hub key of its own unless one is given."""

    def make(operation: str, value: Any, timeout: float = 10.0) -> Call:
        key = hub_key or new_id()[:12].upper()
        return Call(
            operation=f"{system.connector}.{operation}",
            input=value,
            hub_key=key,
            system=system,
            timeout=timeout,
            command=new_id(),
            business_key=business_key or f"SO-{key}",
        )

    return make
