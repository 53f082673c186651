"""The coordinators' moves: turns, and the crashes that cut them; operators, the sweep."""

import itertools
from collections.abc import Iterator

import msgspec

from e2e.model.saga import INSTANCE, Sagas
from e2e.model.size import Size
from e2e.model.world import World, minus, plus, spend
from saga_coordinator import wire
from saga_coordinator.engine import InstanceState, open_commands
from saga_coordinator.engine import inputs as i
from service_kit.messages import REPLY, Reply, event

Moved = Iterator[tuple[str, World]]


class Coordinators:
    """One coordinator, or two that may remember something old. Where there are two, whoever did not take part in the
    last turn remembers what was true before it."""

    def __init__(self, size: Size, sagas: Sagas) -> None:
        self._size = size
        self._sagas = sagas
        self._inputs: dict[str, i.Input] = {}

    def start(self) -> str:
        """The input that begins the saga."""
        return self._named("start", i.Start(id="start", instance=INSTANCE, process="p", version=1))

    def told(self, reply: Reply) -> str:
        """The input that a connector's reply is."""
        input_ = wire.input_of(event(REPLY, "model", reply, id_=reply.id))
        return self._named(f"{reply.id}={msgspec.json.encode(reply.outcome).decode()}", input_)

    def turns(self, world: World) -> Moved:
        """Every input on the lane, and every timer that is set, is handled."""
        for name in dict.fromkeys(world.inputs):
            yield from self._whole(world, name)
        state = self._sagas.state(world.saga)
        if state is None:
            return
        for timer in state.timers.values():
            if timer.purpose != "probe" or state.steps[timer.step].probes < self._size.probes:
                yield from self._whole(*self._due(world, timer.id))

    def last_resort(self, world: World) -> Moved:
        """When nothing else goes on: the sweep, and timers that were not allowed to fire ever again."""
        state = self._sagas.state(world.saga)
        if state is None:
            return
        for timer in state.timers.values():
            yield from self._whole(*self._due(world, timer.id))
        yield from self._swept(world, state)
        yield from self._nudged(world, state)

    def faults(self, world: World) -> Moved:
        """Crashes within a turn; operators; a sweep that is not needed."""
        state = self._sagas.state(world.saga)
        for name in dict.fromkeys(world.inputs):
            yield from self._cut(world, name)
        for timer in state.timers.values() if state else ():
            yield from self._cut(*self._due(world, timer.id))
        if state is None or (state.ended and not state.incidents):
            return
        retried = spend(world, "retry")
        if retried and state.incidents:
            name = self._named("retry", i.Retry(id="retry", instance=INSTANCE))
            yield from self._whole(retried._replace(inputs=plus(world.inputs, name)), name)
        for kind, undo in (("cancel", True), ("abandon", False)):
            spent = spend(world, kind)
            if spent and state.stopping is None:
                name = self._named(kind, i.Cancel(id=kind, instance=INSTANCE, undo=undo))
                yield from self._whole(spent._replace(inputs=plus(world.inputs, name)), name)
        swept, nudged = spend(world, "sweep"), spend(world, "nudge")
        if swept:
            yield from self._swept(swept, state)
        if nudged:
            yield from self._nudged(nudged, state)

    def _named(self, name: str, input_: i.Input) -> str:
        self._inputs.setdefault(name, input_)
        return name

    def _due(self, world: World, timer: int) -> tuple[World, str]:
        name = self._named(f"t:{timer}", i.TimerDue(id=f"t:{INSTANCE}:{timer}", instance=INSTANCE, timer=timer))
        return (world if name in world.inputs else world._replace(inputs=plus(world.inputs, name))), name

    def _swept(self, world: World, state: InstanceState) -> Moved:
        for issued in open_commands(state):
            name = self._sagas.again(issued, state)
            if name not in world.commands:
                yield f"the sweep publishes {name}", world._replace(commands=plus(world.commands, name))

    def _nudged(self, world: World, state: InstanceState) -> Moved:
        commands = open_commands(state)
        if not commands:
            return
        known = {*self._sagas.rows(world.saga), *world.inputs}
        id_ = next(id_ for count in itertools.count(1) if (id_ := f"n:{count}") not in known)
        name = self._named(id_, i.Nudge(id=id_, instance=INSTANCE))
        now = max(command.at + command.timeout for command in commands) + 1
        yield from self._whole(world._replace(inputs=plus(world.inputs, name)), name, now)

    def _whole(self, world: World, name: str, now: int = 0) -> Moved:
        """A turn from taking to acknowledging."""
        done = world._replace(inputs=minus(world.inputs, name))
        for remembered in self._remembered(world):
            after, commands = self._decided(done, remembered, name, now)
            old = "" if remembered == world.saga else ", who remembers something old,"
            yield f"a coordinator{old} handles {name}", after._replace(commands=plus(world.commands, *commands))

    def _cut(self, world: World, name: str) -> Moved:
        """The same, but the coordinator dies in between."""
        spent = spend(world, "coordinator-crash")
        if spent is None:
            return
        if self._size.acks_first:
            yield f"a coordinator dies with {name}", spent._replace(inputs=minus(world.inputs, name))
        for remembered in self._remembered(world):
            after, commands = self._decided(spent, remembered, name, 0)
            if self._size.acks_first:
                after = after._replace(inputs=minus(world.inputs, name))
            if after.saga != world.saga:
                yield f"a coordinator commits {name} and dies", after
            for count in range(1, len(commands) + 1):
                published = after._replace(commands=plus(world.commands, *commands[:count]))
                yield f"a coordinator commits {name}, publishes {', '.join(commands[:count])} and dies", published

    def _remembered(self, world: World) -> tuple[int, ...]:
        return (world.saga,) if world.stale is None else (world.saga, world.stale)

    def _decided(self, world: World, remembered: int, name: str, now: int) -> tuple[World, tuple[str, ...]]:
        decided = self._sagas.decide(world.saga, remembered, self._inputs[name], now)
        stale = world.stale
        if self._size.coordinators > 1 and decided.saga != world.saga:
            stale = world.saga if remembered != world.saga or stale is None else stale
        return world._replace(saga=decided.saga, stale=stale), decided.commands
