"""What is true between two moves. Worlds are values: equal worlds are the same world."""

from typing import NamedTuple

ALIVE = -1
SETTLED = 1


class Call(NamedTuple):
    """A request to the vendor's system. `waiting`: its sender still waits for the answer. `state`: out (not applied
    yet), landed, gone (it never arrived), late (out longer than `settle` allows), landed late."""

    command: str
    owner: str
    method: str
    target: str
    waiting: bool
    state: str = "out"


class Document(NamedTuple):
    """What a create left in the vendor's system; `visible`: its index knows it."""

    id: str
    hub_key: str
    visible: bool
    undone: bool = False


class Work(NamedTuple):
    """A job in a connector's lane: what it asks of the system, and whether it has asked. `term`: how often the process
    had lost its lease when the job was started."""

    command: str
    method: str
    target: str
    term: int = 0
    sent: bool = False


class Connector(NamedTuple):
    """A connector process. `life` numbers what its worker remembers; `held`: messages taken and not acknowledged;
    `leased`: it believes that it may send; `term`: how often it got its lease back."""

    owner: str
    life: int
    held: tuple[str, ...] = ()
    leased: bool = True
    term: int = 0
    work: tuple[Work, ...] = ()


class Row(NamedTuple):
    """A row of the inbox. Times are ages: None never, 0 less than `settle` ago, 1 longer ago. `outcome` is JSON."""

    command: str
    owner: str | None
    started: int | None
    sealed: int | None
    finished: int | None
    outcome: str | None


class World(NamedTuple):
    """`saga` and `stale` number what the journal tells and what another coordinator remembers; `inputs` and `commands`
    are on the broker (sorted, in any order there); `leases` are the store's: (owner, `ALIVE` or age of its end);
    `budget` is what may still go wrong, by kind."""

    saga: int
    stale: int | None
    inputs: tuple[str, ...]
    commands: tuple[str, ...]
    connectors: tuple[Connector, ...]
    leases: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]
    calls: tuple[Call, ...]
    documents: tuple[Document, ...]
    budget: tuple[tuple[str, int], ...]


def plus(bag: tuple[str, ...], *items: str) -> tuple[str, ...]:
    """The bag with these messages, too."""
    return tuple(sorted((*bag, *items))) if items else bag


def minus(bag: tuple[str, ...], *items: str) -> tuple[str, ...]:
    """The bag without one of each of these messages."""
    left = list(bag)
    for item in items:
        left.remove(item)
    return tuple(left)


def spend(world: World, kind: str) -> World | None:
    """The world after one more thing of this kind went wrong; None where no more may."""
    left = dict(world.budget)
    if not left.get(kind) or not left["any"]:
        return None
    left[kind] -= 1
    left["any"] -= 1
    return world._replace(budget=tuple(left.items()) if left["any"] else (("any", 0),))
