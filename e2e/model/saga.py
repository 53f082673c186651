"""The coordinator's side: inputs are decided by the real `Decider`, rows folded by the real `fold`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import create_engine

from saga_coordinator import wire
from saga_coordinator.cache import Known
from saga_coordinator.chains import Chain, Duplicate, Item, Journalled, Poisoned
from saga_coordinator.deciding import Decider
from saga_coordinator.engine import InstanceState, fold
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.registry import Registry
from saga_coordinator.store.journal import Row
from saga_coordinator.vault import Vault
from service_kit.broker import Delivery, Outgoing
from service_kit.messages import COMMAND, CloudEvent, Command

INSTANCE = "i"
_NO_DELIVERY = Delivery(CloudEvent(id="", source="", type=""), "lane.0", 1, None)
_command = msgspec.json.Decoder(Command).decode


class _OneProcess(Registry):
    def __init__(self, process: Process) -> None:  # it has no store
        self._process = process

    def get(self, process: str, version: int) -> Process:
        return self._process


class Told(msgspec.Struct, frozen=True):
    """What the journal tells: the state it folds to, and its rows by input."""

    state: InstanceState | None = None
    rows: dict[str, Row] = {}


class Decided(NamedTuple):
    """`saga`: what the journal tells afterwards; `commands`: to be published, by name."""

    saga: int
    commands: tuple[str, ...]


def timeless(state: InstanceState) -> InstanceState:
    """The state without what only tells when and how often: timers may fire at any time here, and a row more or less
    makes no other world."""
    same = state.fork()
    same.seq = same.now = 0
    for step in state.steps.values():
        issued = {name: replace(c, at=0) for name in ("command", "probe") if (c := getattr(step, name)) is not None}
        same.steps[step.id] = replace(step, **issued)
    same.timers = {timer.id: replace(timer, due=0) for timer in state.timers.values()}
    same.log = {order: replace(effect, at=0) for order, effect in state.log.items()}
    same.absents = {id_: replace(a, command=replace(a.command, at=0)) for id_, a in state.absents.items()}
    return same


class Sagas:
    """Numbers what journals tell, and remembers what was decided. `rows_compete` False breaks the rule that a row has
    one place."""

    def __init__(self, process: Process, *, rows_compete: bool = True) -> None:
        engine = create_engine("sqlite://")
        self._registry = _OneProcess(process)
        self._vault = Vault(engine, None)
        self._rows_compete = rows_compete
        self._told: list[Told] = [Told()]
        self._numbers: dict[Any, int] = {}
        self._decided: dict[Any, Decided] = {}
        self.messages: dict[str, CloudEvent] = {}

    def state(self, saga: int) -> InstanceState | None:
        """What is true of the instance."""
        return self._told[saga].state

    def rows(self, saga: int) -> Mapping[str, Row]:
        """The journal's rows by input."""
        return self._told[saga].rows

    def keeping(self, saga: int, inputs: frozenset[str]) -> int:
        """The same without the rows of other inputs, which cannot come again."""
        told = self._told[saga]
        kept = {id_: row for id_, row in told.rows.items() if id_ in inputs}
        return saga if len(kept) == len(told.rows) else self._number(Told(told.state, kept))

    def decide(self, saga: int, remembered: int, input_: i.Input, now: int = 0) -> Decided:
        """One turn of a coordinator that remembers `remembered`, which may be older than what the journal tells."""
        key = (saga, remembered, wire.encode(input_), now)
        if key not in self._decided:
            self._decided[key] = self._turn(saga, remembered, input_, now)
        return self._decided[key]

    def again(self, issued: f.CommandIssued, state: InstanceState) -> str:
        """What the sweep publishes for a command that is out too long."""
        outgoing = wire.command_events([issued], state, 1, self._vault.open, verify=True)
        return self._name(outgoing[0])

    def _turn(self, saga: int, remembered: int, input_: i.Input, now: int) -> Decided:
        fresh = remembered == saga
        chain = self._chain(remembered, input_, now, fresh=fresh)
        result = chain.results[0]
        lost = isinstance(result, Journalled) and self._rows_compete
        if not fresh and (chain.suspicious or lost):
            return self._turn(saga, saga, input_, now)
        match result:
            case Journalled():
                return self._journalled(saga, remembered, result)
            case Duplicate():
                return Decided(saga, self._published_again(saga, chain, input_))
            case Poisoned(reason=reason):
                raise AssertionError(f"{input_} cannot be decided: {reason}")
        return Decided(saga, ())

    def _chain(self, remembered: int, input_: i.Input, now: int, *, fresh: bool) -> Chain:
        told = self._told[remembered]
        known = Known(told.state, dict.fromkeys(told.rows, 1), whole=True) if told.state else None
        decider = Decider(self._registry, now, {}, {}, self._vault)
        return decider.chain(INSTANCE, [Item(_NO_DELIVERY, input_)], known, fresh=fresh)

    def _journalled(self, saga: int, remembered: int, result: Journalled) -> Decided:
        row, before = result.row, self._told[remembered].state or InstanceState(id=INSTANCE)
        facts = wire.facts_of(row)
        after = fold(before, facts, seq=row.seq, at=row.at)
        assert wire.encode(after) == wire.encode(result.state), "replay differs"
        outgoing = wire.effects_of(row, facts, result.state, 1, self._vault.open)
        told = Told(timeless(after), {**self._told[saga].rows, row.input_id: row})
        return Decided(self._number(told), self._names(outgoing))

    def _published_again(self, saga: int, chain: Chain, input_: i.Input) -> tuple[str, ...]:
        row, state = self._told[saga].rows[input_.id], chain.state
        assert state is not None
        return self._names(wire.effects_of(row, wire.facts_of(row), state, 1, self._vault.open, only_open=True))

    def _number(self, told: Told) -> int:
        key = (wire.encode(told.state), frozenset(told.rows))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._told)
            self._told.append(told)
        return number

    def _names(self, outgoing: list[Outgoing]) -> tuple[str, ...]:
        return tuple(self._name(item) for item in outgoing if item.event.type == COMMAND)

    def _name(self, outgoing: Outgoing) -> str:
        command = _command(outgoing.event.data)
        name = f"{command.id} {command.operation}{' (verify)' if command.verify else ''}"
        count = 1
        while self.messages.setdefault(name, outgoing.event).data != outgoing.event.data:  # of another course of events
            count += 1
            name = f"{name.partition(' #')[0]} #{count}"
        return name
