"""Lanes: the queues that inputs travel on."""

import zlib

from service_kit.broker import Queue, Source

EVENTS = "events"
JOURNAL = "journal"
# Quarantine is decided by the coordinator; the broker's own limit is the net below it.
DELIVERY_LIMIT = 100


def root_of(instance: str) -> str:
    """The instance that nobody called, of which this is a child, or a child's child: what stands before the first dot
    of an id (see `engine.children`)."""
    return instance.partition(".")[0]


def lane_of(instance: str, lanes: int) -> str:
    """The queue for inputs of this instance, and of everything that shares its root."""
    return f"lane.{zlib.crc32(root_of(instance).encode()) % lanes}"


def lane_queues(lanes: int) -> list[Queue]:
    """Every lane."""
    return [Queue(f"lane.{n}", delivery_limit=DELIVERY_LIMIT) for n in range(lanes)]


def lane_sources(lanes: int, own: frozenset[int], prefetch: int) -> list[Source]:
    """Every lane, the own ones first."""
    order = sorted(range(lanes), key=lambda n: (n not in own, n))
    return [Source(f"lane.{n}", priority=10 if n in own else 0, prefetch=prefetch) for n in order]


def command_queue(operation: str) -> str:
    """The queue of the connector that carries out `erp.create-sales-order`: `commands.erp`."""
    return f"commands.{operation.partition('.')[0]}"
