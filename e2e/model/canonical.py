"""One world for all those that differ only in what cannot matter any more."""

import msgspec

from e2e.model.saga import Sagas
from e2e.model.world import Row, World
from service_kit.messages import Command

_command = msgspec.json.Decoder(Command).decode


class Canon:
    """`of(world)` is the same for equivalent worlds."""

    def __init__(self, sagas: Sagas) -> None:
        self._sagas = sagas
        self._rows: dict[Row, Row] = {}
        self._names: dict[object, frozenset[str]] = {}
        self._kept: dict[tuple[int, frozenset[str]], int] = {}

    def of(self, world: World) -> World:
        """Gone are ages and owners of what is decided, leases that nobody asks about, and the rows of commands and of
        inputs that cannot come again."""
        named = self._named(world)
        rows = tuple([self._rows.get(row) or self._row(row) for row in world.rows if row.command in named])
        owners = {row.owner for row in rows} | {connector.owner for connector in world.connectors}
        leases = tuple(lease for lease in world.leases if lease[0] in owners)
        connectors = tuple(c if c.work or not c.term or not c.leased else c._replace(term=0) for c in world.connectors)
        again = named.union(name.partition("=")[0] for name in world.inputs)
        saga = self._keeping(world.saga, again)
        stale = None if world.stale is None else self._keeping(world.stale, again)
        return world._replace(
            saga=saga,
            stale=None if stale == saga else stale,
            rows=rows,
            leases=leases,
            connectors=connectors,
        )

    def _row(self, row: Row) -> Row:
        same = row
        if row.outcome is not None:
            unsure = '"unknown"' in row.outcome or '"accepted"' in row.outcome
            same = Row(row.command, None, 1, None, row.finished if unsure else 1, row.outcome)
        self._rows[row] = same
        return same

    def _named(self, world: World) -> frozenset[str]:
        """Commands that are on their way, held or open, those that they seal, and their replies."""
        key = (world.saga, world.stale, world.commands, *(connector.held for connector in world.connectors))
        named = self._names.get(key)
        if named is None:
            messages = {*world.commands, *(message for connector in world.connectors for message in connector.held)}
            commands = [_command(self._sagas.messages[message].data) for message in messages]
            found = {id_ for command in commands for id_ in (command.id, command.seals or command.id)}
            for saga in {world.saga, world.saga if world.stale is None else world.stale}:
                found |= self._issued(saga)
            named = self._names[key] = frozenset(found | {f"{id_}:r" for id_ in found})
        return named

    def _issued(self, saga: int) -> set[str]:
        """Whoever remembers this may publish them again."""
        state = self._sagas.state(saga)
        steps = state.steps.values() if state else ()
        return {issued.command for step in steps for issued in (step.command, step.probe) if issued}

    def _keeping(self, saga: int, again: frozenset[str]) -> int:
        kept = self._kept.get((saga, again))
        if kept is None:
            kept = self._kept[saga, again] = self._sagas.keeping(saga, again)
        return kept
