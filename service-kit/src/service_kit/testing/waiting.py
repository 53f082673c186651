"""Waiting for what another thread or process will bring about."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.01


def until(condition: Callable[[], T], *, timeout: float = 20.0, message: str = "") -> T:
    """Ask until the answer is true, and return it. Raises `AssertionError` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(message or f"Still {answer!r} after {timeout:g} s")
        time.sleep(_PAUSE)
    return answer
