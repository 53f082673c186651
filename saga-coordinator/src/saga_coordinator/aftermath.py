"""What follows when a batch is committed: what is to be published, and what goes to the dead letters."""

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from saga_coordinator import calls, correlation, secrecy, wire
from saga_coordinator.chains import Chain, Duplicate, Item, Journalled, Poisoned, Refused, Result, Returned
from saga_coordinator.context import Context, Done
from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.failing import failed
from saga_coordinator.store import held_commands, journal, messages
from saga_coordinator.store.journal import Row
from saga_coordinator.store.messages import Message
from saga_coordinator.store.refusals import Refusal
from saga_coordinator.writes import held_of
from service_kit.database import reading, writing


class Aftermath:
    """What follows a batch at `now` (ms); nothing goes out to `suspended` systems."""

    def __init__(self, context: Context, now: int, suspended: Collection[str] = ()) -> None:
        self._suspended = suspended
        self._context = context
        self._now = now
        self._lanes = context.settings.lanes
        self._done = Done()

    def of(
        self,
        chains: Sequence[Chain],
        unreadable: Sequence[tuple[Item, str]],
        given: Sequence[Message],
        told: Sequence[i.Input],
    ) -> Done:
        """What is left to do: for these chains, inputs of `unreadable` instances, messages that the store has `given`
        to subscriptions, and what instances are `told` besides. Raises sqlalchemy's errors."""
        duplicates: list[tuple[Chain, Item]] = []
        returned: list[i.MessageArrived] = []
        for chain in chains:
            for item, result in zip(chain.items, chain.results, strict=True):
                if type(result) is Duplicate:
                    duplicates.append((chain, item))
                elif type(result) is Returned and isinstance(item.input, i.MessageArrived):
                    returned.append(item.input)
                else:
                    self._follow(chain, item, result)
        self._done.poisoned += unreadable
        arrivals = [*given, *self._again(duplicates), *self._elsewhere(returned)]
        self._send(*map(correlation.arrival, arrivals), *told)
        return self._done

    def _send(self, *inputs: i.Input | None) -> None:
        self._done.outgoing += [wire.input_event(input_, self._lanes) for input_ in inputs if input_ is not None]

    def _follow(self, chain: Chain, item: Item, result: Result) -> None:
        if type(result) is Journalled:
            self._publish(result.row, result.facts, result.state)
        elif type(result) is Refused:
            self._send(_told_to_caller(item.input, result.refusal))
        elif type(result) is Poisoned:
            self._done.poisoned.append((self._fit_to_bury(chain, item), result.reason))
            known = chain.state is not None or isinstance(item.input, i.Start)
            self._send(failed(item.input, chain.state, result.reason) if known else None)

    def _publish(self, row: Row, facts: list[f.Fact], state: InstanceState, **which: bool) -> None:
        """What the row asks for, but the commands whose system is suspended."""
        unseal = self._context.vault.open
        self._done.outgoing += wire.effects_of(row, facts, state, self._lanes, unseal, held=self._suspended, **which)

    def _fit_to_bury(self, chain: Chain, item: Item) -> Item:
        """A dead letter tells no secrets, as far as it is known what is secret."""
        registry, input_ = self._context.registry, item.input
        try:
            if chain.state is not None:
                process = registry.get(chain.state.process, chain.state.version)
            elif isinstance(input_, i.Start):
                process = registry.of(input_)
            else:
                return item
            seal = partial(self._context.vault.seal, input_.instance)
            return Item(item.delivery, secrecy.sealed_input(process, chain.state, input_, seal))
        except SQLAlchemyError:
            raise
        except Exception:  # whatever made it a poison may do so again
            return item

    def _again(self, duplicates: Sequence[tuple[Chain, Item]]) -> list[Message]:
        """Publish the effects of entries that are in the journal already: whoever wrote them may have died then."""
        if not duplicates:
            return []
        with reading(self._context.store) as connection:
            rows = journal.rows_of_inputs(connection, [(chain.instance, item.input.id) for chain, item in duplicates])
            given = messages.of_instances(connection, sorted({chain.instance for chain, _ in duplicates}))
        states = {chain.instance: chain.state for chain, _ in duplicates}
        for row in rows.values():
            state = states[row.instance]
            if state is not None:
                self._publish(row, wire.facts_of(row), state, only_open=True)
        self._hold([state for state in states.values() if state is not None])
        return given

    def _hold(self, states: Sequence[InstanceState]) -> None:
        """Commands that may not have been sent when their row was written, and must not be now."""
        held = [held for state in states for held in held_of(state, self._suspended, self._now)]
        if held:
            with writing(self._context.store) as connection:
                held_commands.insert(connection, held)

    def _elsewhere(self, returned: Sequence[i.MessageArrived]) -> list[Message]:
        if not returned:
            return []
        again_at = self._now + round(self._context.settings.timer_republish * 1000)
        with writing(self._context.store) as connection:
            return correlation.reroute(connection, returned, again_at)


def _told_to_caller(input_: i.Input, refusal: Refusal) -> i.Input | None:
    """A child that cannot begin is reported to the step that calls it."""
    return None if refusal.code == "ALREADY_STARTED" else calls.refused(input_, refusal.message)
