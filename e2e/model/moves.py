"""Everything that can happen next in a world."""

from collections.abc import Iterator
from typing import NamedTuple

from e2e.model.canonical import Canon
from e2e.model.connector import Lives
from e2e.model.connectors import Connectors
from e2e.model.coordinators import Coordinators
from e2e.model.inbox import Store, leases_older, older
from e2e.model.saga import Sagas
from e2e.model.size import Size, catalogue_of, process_of
from e2e.model.vendor import land, settle
from e2e.model.world import ALIVE, Connector, World, minus, plus, spend


class Move(NamedTuple):
    """What happens, the world after it, and whether something goes wrong by it."""

    label: str
    after: World
    fault: bool = False


class Moves:
    """The moves of one size, with all that was worked out on the way."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.sagas = Sagas(process_of(size), rows_compete=size.rows_compete)
        lives = Lives(catalogue_of(size), Store(size.inbox), self.sagas.messages)
        self._canon = Canon(self.sagas)
        self._coordinators = Coordinators(size, self.sagas)
        self._connectors = Connectors(size, lives, self._coordinators)

    def beginning(self) -> World:
        """A start is on its lane, and nothing else has happened."""
        connectors = tuple(Connector(f"c{n + 1}", 0) for n in range(self.size.connectors))
        leases = tuple((connector.owner, ALIVE) for connector in connectors)
        start = self._coordinators.start()
        return World(0, None, (start,), (), connectors, leases, (), (), (), self.size.budget)

    def free(self, world: World) -> list[Move]:
        """What happens although nothing goes wrong."""
        return self._moves(world, self._free(world)) or self._moves(world, self._coordinators.last_resort(world))

    def faults(self, world: World) -> list[Move]:
        """What goes wrong."""
        return self._moves(world, self._faults(world), fault=True)

    def _moves(self, world: World, moved: Iterator[tuple[str, World]], *, fault: bool = False) -> list[Move]:
        moves = (Move(label, self._canon.of(after), fault) for label, after in moved)
        return [move for move in moves if move.after != world]

    def _free(self, world: World) -> Iterator[tuple[str, World]]:
        yield from self._coordinators.turns(world)
        yield from self._connectors.turns(world)
        for call in world.calls:
            if call.state in ("out", "late") and call.method not in self.size.refuses:
                yield f"the system applies {call.command}", land(world, call, visible=True)
        if not any(call.waiting and call.state == "out" for call in world.calls):
            yield "everything settles", _settled(world)
        living = {connector.owner for connector in world.connectors}
        for owner, age in world.leases:
            if age == ALIVE and owner not in living:
                yield f"the lease of {owner}, which is dead, ends", _lease_ends(world, owner)

    def _faults(self, world: World) -> Iterator[tuple[str, World]]:
        yield from self._coordinators.faults(world)
        yield from self._connectors.faults(world)
        yield from self._broker_faults(world)
        yield from self._vendor_faults(world)

    def _broker_faults(self, world: World) -> Iterator[tuple[str, World]]:
        twice, lost = spend(world, "duplicate"), spend(world, "lose")
        for message in dict.fromkeys(world.commands):
            if twice and world.commands.count(message) == 1:
                yield f"the broker duplicates {message}", twice._replace(commands=plus(world.commands, message))
            if lost:
                yield f"the broker loses {message}", lost._replace(commands=minus(world.commands, message))
        for message in dict.fromkeys(world.inputs):
            if twice and world.inputs.count(message) == 1:
                yield f"the broker duplicates {message}", twice._replace(inputs=plus(world.inputs, message))
            if lost and world.saga:
                yield f"the broker loses {message}", lost._replace(inputs=minus(world.inputs, message))

    def _vendor_faults(self, world: World) -> Iterator[tuple[str, World]]:
        lag, missing, late = spend(world, "lag"), spend(world, "no-answer"), spend(world, "late")
        waiting = [call for call in world.calls if call.waiting and call.state == "out"]
        for call in world.calls:
            creates = call.state == "out" and not call.method.endswith("_undo")
            if lag and creates and call.method not in self.size.refuses:
                yield f"the system applies {call.command}; its index lags", land(lag, call, visible=False)
            if late and creates and call.waiting and len(waiting) == 1:
                yield f"everything settles, only {call.command} is under way still", _aged(settle(late, call))
        if missing and len(waiting) == 1:
            yield f"everything settles, {waiting[0].command} never arrives", _settled(missing)


def _settled(world: World) -> World:
    return _aged(settle(world))


def _aged(world: World) -> World:
    return world._replace(rows=older(world.rows), leases=leases_older(world.leases))


def _lease_ends(world: World, owner: str) -> World:
    return world._replace(leases=tuple((name, 0 if name == owner else age) for name, age in world.leases))
