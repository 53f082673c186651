"""Dying in the middle of something, as if the process had been killed, and who looks at what is left."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, event

from service_kit.broker import Broker, Outgoing


class Died(BaseException):
    """As if the process had been killed."""


class Mortal:
    """A broker on which its user dies instead of publishing."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Raises `Died`."""
        raise Died

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def dies(act: Callable[[], object]) -> bool:
    """Whether the act came to its death."""
    try:
        act()
    except Died:
        return True
    return False


def dies_committing(store: Engine, act: Callable[[], object], after: int) -> bool:
    """An act whose process dies before its commit number `after` + 1; whether it came to that."""
    commits = 0

    def count(connection: Any) -> None:
        nonlocal commits
        commits += 1
        if commits > after:
            raise Died

    event.listen(store, "commit", count)
    try:
        return dies(act)
    finally:
        event.remove(store, "commit", count)
