"""Waiting for a store or a broker that is away, until it is back or this process is to stop."""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from service_kit.broker import BrokerUnavailable
from service_kit.database import is_gone

_log = structlog.get_logger(__name__)
_FIRST_S, _LONGEST_S = 0.05, 5.0
T = TypeVar("T")


class Stopped(Exception):
    """The process is to stop while something is away."""


def is_away(error: Exception) -> bool:
    """Whether the same may work later."""
    if isinstance(error, DBAPIError):
        return is_gone(error)
    return isinstance(error, BrokerUnavailable | NoConnection)


def patiently(work: Callable[[], T], stopping: threading.Event) -> T:
    """`work()`, again with growing pauses as long as what it needs is away. Raises `Stopped`, and what has other
    causes."""
    pause = _FIRST_S
    while not stopping.is_set():
        try:
            return work()
        except Exception as error:
            if not is_away(error):
                raise
            _log.warning("monitor.waits", error=str(error), again_in_s=pause)
        stopping.wait(pause)
        pause = min(pause * 2, _LONGEST_S)
    raise Stopped
