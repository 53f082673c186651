"""What a turn is given, and what it leaves to be done."""

import msgspec
from sqlalchemy import Engine

from saga_coordinator.cache import Cache
from saga_coordinator.chains import Item
from saga_coordinator.clock import Clock
from saga_coordinator.registry import Registry
from saga_coordinator.settings import Settings
from saga_coordinator.suspensions import Suspensions
from saga_coordinator.vault import Vault
from service_kit.broker import Outgoing


class Context(msgspec.Struct, frozen=True):
    """What a turn works with."""

    store: Engine
    registry: Registry
    clock: Clock
    cache: Cache
    settings: Settings
    vault: Vault
    suspensions: Suspensions


class Done(msgspec.Struct):
    """What is left to do when everything is committed."""

    outgoing: list[Outgoing] = []
    poisoned: list[tuple[Item, str]] = []
