"""What an adapter is asked."""

from collections.abc import Callable
from typing import Any

import msgspec

from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System

AdapterFactory = Callable[[System, Mappings], object]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One operation on one system.

    `input` fits the operation's schema. `hub_key` (12 characters of base32) goes into the vendor's document in the
    same call that creates it, and is what a probe looks for. `timeout` is in seconds, for everything together.
    `command` is the command's id. `settled` (probes): nothing that was sent before can still arrive, so that a document
    that is there in part may be resumed; before that a probe only looks.
    `previous` (results) is what the system called what it accepted; `input` is not told again then.
    """

    operation: str
    input: Any
    hub_key: str
    system: System
    timeout: float
    command: str
    business_key: str | None = None
    previous: str | None = None
    settled: bool = True
