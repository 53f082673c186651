"""Whether this thread may still send: a worker that others believe dead must not, for they may be probing its calls."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service_kit.connector.outcomes import NotApplied, Uncertain

Permit = Callable[[], bool]
LOST = "this connector process lost its lease"


class _Thread(threading.local):
    def __init__(self) -> None:
        self.allowed: Permit | None = None
        self.sent = False


_thread = _Thread()


@contextmanager
def sending(allowed: Permit) -> Iterator[None]:
    """Within it, `before_sending` asks `allowed`."""
    _thread.allowed, _thread.sent = allowed, False
    try:
        yield
    finally:
        _thread.allowed = None


def before_sending() -> None:
    """Call it before every request that leaves. Raises `NotApplied`, or `Uncertain` after an earlier request."""
    if _thread.allowed is not None and not _thread.allowed():
        raise Uncertain(LOST) if _thread.sent else NotApplied(LOST)
    _thread.sent = True
