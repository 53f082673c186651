"""The connectors' moves: turns of workers, calls to the system, and the crashes in between."""

import itertools
from collections.abc import Iterator
from typing import Any

from e2e.model.connector import Lives, Turn
from e2e.model.coordinators import Coordinators
from e2e.model.ports import After
from e2e.model.size import Size
from e2e.model.vendor import DOWN, GONE, REFUSED, abandon, answer, call_of, forget, probe, send
from e2e.model.world import ALIVE, Call, Connector, Work, World, minus, plus, spend

Moved = Iterator[tuple[str, World]]


class Connectors:
    """Every connector process may take every command."""

    def __init__(self, size: Size, lives: Lives, coordinators: Coordinators) -> None:
        self._size = size
        self._lives = lives
        self._coordinators = coordinators

    def turns(self, world: World) -> Moved:
        """What live processes do."""
        for connector in world.connectors:
            for turn, before, label in self._wanted(world, connector):
                yield label, self._after(before, connector, turn)
            for work in connector.work:
                if not work.sent and self._may_send(connector, work) and not _is_probe(work):
                    yield f"{connector.owner} sends {work.command}", _sent(world, connector, work)
            if not connector.leased:
                yield f"{connector.owner} has its lease again", _leased(world, connector, ALIVE)

    def faults(self, world: World) -> Moved:
        """Crashes between turns and within them, leases that lapse, answers that do not come."""
        for connector in world.connectors:
            died, lapsed = spend(world, "connector-crash"), spend(world, "lapse")
            if died and not _waits_late(world, connector):
                yield f"{connector.owner} dies", self._dead(died, connector, connector.held)
                for turn, before, label in self._wanted(died, connector):
                    yield from self._cut(before, connector, turn, label)
            if lapsed and connector.leased:
                yield f"the lease of {connector.owner}, which lives, ends", _leased(lapsed, connector, 0)
            for work in connector.work:
                yield from self._unanswered(world, connector, work)

    def _wanted(self, world: World, connector: Connector) -> Iterator[tuple[Turn, World, str]]:
        """The turns that it may make, each with the world in which it makes it."""
        for message in dict.fromkeys(world.commands):
            taken = world._replace(commands=minus(world.commands, message))
            yield Turn(takes=message, term=connector.term), taken, f"{connector.owner} takes {message}"
        for work in connector.work:
            for given, before in self._answers(world, connector, work):
                label = f"{connector.owner} learns of {work.command}: {given or 'it may not send'}"
                yield Turn(finishes=work.command, answer=given, term=connector.term), before, label
        if self._lives[connector.life].in_flight > len(connector.work):
            yield Turn(term=connector.term), world, f"{connector.owner} looks again"

    def _answers(self, world: World, connector: Connector, work: Work) -> Iterator[tuple[Any, World]]:
        if not work.sent and not self._may_send(connector, work):
            if connector.leased or _attempt(work) <= self._size.attempts:  # else only its lease ends the retries
                yield None, world
        elif _is_probe(work):
            yield probe(world, work.target, names=self._size.names_documents), world
        elif work.sent:
            call = call_of(world, connector, work)
            if call.state in ("landed", "landed late"):
                yield answer(world, call, names=self._size.names_documents), forget(world, call)
            elif call.state == "gone":
                yield GONE, forget(world, call)
            elif call.method in self._size.refuses:
                yield REFUSED, forget(world, call)

    def _unanswered(self, world: World, connector: Connector, work: Work) -> Moved:
        silent, down, refused = spend(world, "no-answer"), spend(world, "down"), spend(world, "refuse")
        given: list[tuple[Any, World]] = []
        if _is_probe(work):
            given += [(DOWN, down)] if down and self._may_send(connector, work) else []
        elif work.sent:
            call = call_of(world, connector, work)
            if silent and call.state in ("out", "landed"):
                given.append((GONE, abandon(silent, {work.command}, owner=connector.owner)))
            if down and call.state == "out":
                given.append((DOWN, forget(down, call)))
            if refused and call.state == "out" and call.method not in self._size.refuses:
                given.append((REFUSED, forget(refused, call)))
        for outcome, before in given:
            turn = Turn(finishes=work.command, answer=outcome, term=connector.term)
            yield f"{connector.owner} learns of {work.command}: {outcome!r}", self._after(before, connector, turn)

    def _may_send(self, connector: Connector, work: Work) -> bool:
        if not self._size.leases_count:
            return True
        same_lease = _is_probe(work) or work.term == connector.term
        return connector.leased and (same_lease or not self._size.lapses_count)

    def _after(self, world: World, connector: Connector, turn: Turn) -> World:
        lived = self._lives.turn(connector.life, turn, connector.owner, world.rows, world.leases)
        held = plus(connector.held, turn.takes) if turn.takes else connector.held
        last = lived.steps[-1] if lived.steps else After(world.rows, (), ())
        work = self._work(lived.life, connector)
        after = connector._replace(life=lived.life, held=minus(held, *last.acked), work=work)
        return self._shared(_with(world, connector, after), connector, turn, last if lived.steps else None)

    def _cut(self, world: World, connector: Connector, turn: Turn, label: str) -> Moved:
        """It dies after one of the turn's contacts with the world, but the last."""
        lived = self._lives.turn(connector.life, turn, connector.owner, world.rows, world.leases)
        held = plus(connector.held, turn.takes) if turn.takes else connector.held
        for number, step in enumerate(lived.steps[:-1], 1):
            after = self._shared(world, connector, turn, step)
            yield f"{label}, and dies after contact {number}", self._dead(after, connector, minus(held, *step.acked))

    def _shared(self, world: World, connector: Connector, turn: Turn, step: After | None) -> World:
        if step is None:
            return world
        rows = self._lives.merged(connector.life, turn, world.rows, step.rows)
        replies = [self._coordinators.told(reply) for reply in step.published]
        return world._replace(rows=rows, inputs=plus(world.inputs, *replies))

    def _work(self, life: int, connector: Connector) -> tuple[Work, ...]:
        sent = {work.command for work in connector.work if work.sent}
        return tuple(work._replace(sent=work.command in sent) for work in self._lives[life].work)

    def _dead(self, world: World, connector: Connector, held: tuple[str, ...]) -> World:
        """It is gone, another takes its place, and the broker delivers what it held again."""
        orphans = {work.command for work in connector.work}
        world = abandon(world, orphans, owner=connector.owner)
        owners = {owner for owner, _ in world.leases}
        fresh = Connector(next(name for n in itertools.count(1) if (name := f"c{n}") not in owners), 0)
        leases = (*world.leases, (fresh.owner, ALIVE))
        return _with(world, connector, fresh)._replace(leases=leases, commands=plus(world.commands, *held))


def _waits_late(world: World, connector: Connector) -> bool:
    """It alone will ever know of what lands beyond `settle`."""
    return any(call.owner == connector.owner and call.state in ("late", "landed late") for call in world.calls)


def _attempt(work: Work) -> int:
    return int(work.command.rpartition(".")[2].partition("p")[0])


def _is_probe(work: Work) -> bool:
    return work.method.startswith("probe_")


def _sent(world: World, connector: Connector, work: Work) -> World:
    jobs = tuple(job._replace(sent=True) if job is work else job for job in connector.work)
    after = _with(world, connector, connector._replace(work=jobs))
    return send(after, Call(work.command, connector.owner, work.method, work.target, waiting=True))


def _leased(world: World, connector: Connector, age: int) -> World:
    term = connector.term + (age == ALIVE)
    after = _with(world, connector, connector._replace(leased=age == ALIVE, term=term))
    return after._replace(
        leases=tuple((owner, age if owner == connector.owner else old) for owner, old in world.leases)
    )


def _with(world: World, connector: Connector, after: Connector) -> World:
    return world._replace(connectors=tuple(after if other is connector else other for other in world.connectors))
