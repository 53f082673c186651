"""Between the engine's values and what travels or is stored: JSON by msgspec."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from saga_coordinator import blobs, calls
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.state import InstanceState, encoder, open_commands
from saga_coordinator.errors import Poison, SecretsUnreadable
from saga_coordinator.lanes import EVENTS, JOURNAL, command_queue, lane_of
from saga_coordinator.sealing import masked
from saga_coordinator.store.journal import SHAPE, Row
from service_kit import tracing
from service_kit.broker import Delivery, Outgoing
from service_kit.messages import (
    COMMAND,
    ENTRIES_FORGOTTEN,
    JOURNAL_ENTRY,
    REPLY,
    CloudEvent,
    Command,
    CommandKind,
    EntriesForgotten,
    JournalEntry,
    Routing,
)
from service_kit.sealing import is_marked

SOURCE = "throughline/saga-coordinator"
# A seq beyond every row.
EVERY = 2**31 - 1

# Opens the sealed values in a value of this instance. Raises `SecretsUnreadable`.
Unseal = Callable[[str, Any], Any]

_log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()
_fact_list = msgspec.json.Decoder(list[f.Fact])
_input = msgspec.json.Decoder(i.Input)
_inputs = msgspec.json.Decoder(list[i.Input])
_state = msgspec.json.Decoder(InstanceState)
_SHAPE = hashlib.blake2b(_encoder.encode(msgspec.json.schema(InstanceState)), digest_size=SHAPE).digest()
_by_type = {i.INPUT_TYPE: _input.decode, REPLY: msgspec.json.Decoder(i.Reply).decode}

encode = _encoder.encode


def input_of(event: CloudEvent) -> i.Input:
    """The input that an event on a lane carries. Raises `Poison`."""
    decode = _by_type.get(event.type)
    if decode is None:
        raise Poison(f"no input is of type {event.type!r}")
    try:
        input_: i.Input = decode(event.data)
    except (ValueError, RecursionError) as error:
        raise Poison(f"not an input: {error}") from error
    return input_


def input_event(input_: i.Input, lanes: int) -> Outgoing:
    """An input on its way to its instance's lane."""
    event = CloudEvent(
        id=input_.id, source=SOURCE, type=i.INPUT_TYPE, subject=input_.instance, data=msgspec.Raw(encode(input_))
    )
    return Outgoing(lane_of(input_.instance, lanes), event)


def carrying(delivery: Delivery, input_: i.Input) -> Delivery:
    """The delivery with this input in the place of the one it brought."""
    if input_of(delivery.event) == input_:
        return delivery
    event = msgspec.structs.replace(delivery.event, data=msgspec.Raw(encode(input_)))
    return msgspec.structs.replace(delivery, event=event)


def facts_of(row: Row) -> list[f.Fact]:
    """The facts of a journal row. Raises `Poison` where one is unknown: it must never be skipped."""
    try:
        return _fact_list.decode(blobs.whole(row.facts, row.contents))
    except (msgspec.DecodeError, LookupError, RecursionError) as error:
        raise Poison(f"journal row {row.instance}/{row.seq} cannot be read: {error}") from error


def inputs_of(encoded: bytes) -> list[i.Input]:
    """Decode a list of inputs that was kept."""
    return _inputs.decode(encoded)


def stored_input(row: Row) -> i.Input:
    """The input of a journal row."""
    return decoded(blobs.whole(row.input, row.contents))


def decoded(input_: bytes) -> i.Input:
    """Decode an input that was kept."""
    found: i.Input = _input.decode(input_)
    return found


def snapshot_of(state: InstanceState, aside: dict[str, bytes]) -> bytes:
    """A state as a snapshot: the shape of states, then the JSON. Large values are put `aside`."""
    return _SHAPE + blobs.put_aside(encoder.encode(state), aside)


def state_of(snapshot: bytes, contents: Mapping[str, bytes]) -> InstanceState | None:
    """A snapshot's state; None where states had another shape when it was written, or a content is missing."""
    if not snapshot.startswith(_SHAPE):
        return None
    try:
        return _state.decode(blobs.whole(snapshot[SHAPE:], contents))
    except LookupError:
        return None


def journal_event(row: Row, state: InstanceState) -> Outgoing:
    """A journal row on its way to its followers: large values are referred to, sealed ones masked."""
    entry = JournalEntry(
        instance=row.instance,
        seq=row.seq,
        at=row.at,
        input_id=row.input_id,
        input=msgspec.Raw(masked(row.input)),
        facts=msgspec.Raw(masked(row.facts)),
        process=state.process,
        version=state.version,
        business_key=state.business_key,
    )
    event = CloudEvent(
        id=f"{row.instance}:{row.seq}",
        source=SOURCE,
        type=JOURNAL_ENTRY,
        subject=row.instance,
        data=msgspec.Raw(encode(entry)),
    )
    return Outgoing(JOURNAL, event)


def forgotten_event(instance: str, up_to: int = EVERY, *, purged: bool = False) -> Outgoing:
    """That followers are to forget what they keep of an instance's rows up to `up_to`."""
    told = EntriesForgotten(instance=instance, up_to=up_to, purged=purged)
    id_ = f"{instance}:purged" if purged else f"{instance}:{up_to}:erased"
    event = CloudEvent(id=id_, source=SOURCE, type=ENTRIES_FORGOTTEN, subject=instance, data=msgspec.Raw(encode(told)))
    return Outgoing(JOURNAL, event)


def command_events(
    issued: Iterable[f.CommandIssued], state: InstanceState, lanes: int, unseal: Unseal, *, verify: bool = False
) -> list[Outgoing]:
    """Commands on their way to their connectors. `verify`: each may have been carried out already. One whose secrets
    cannot be opened is not sent; the sweep tries again."""
    outgoing = []
    for fact in issued:
        try:
            event = _command_event(fact, state, lanes, unseal, verify=verify)
        except SecretsUnreadable as error:
            _log.error("command.not-sent", command=fact.command, instance=state.id, reason=str(error))
            continue
        outgoing.append(Outgoing(command_queue(fact.operation), event))
    return outgoing


def _command_event(
    fact: f.CommandIssued, state: InstanceState, lanes: int, unseal: Unseal, *, verify: bool
) -> CloudEvent:
    command = Command(
        id=fact.command,
        kind=CommandKind(fact.kind),
        instance=state.id,
        step=fact.step,
        attempt=fact.attempt,
        operation=fact.operation,
        system=fact.system,
        hub_key=fact.hub_key,
        reply_to=lane_of(state.id, lanes),
        input=fact.input,
        business_key=state.business_key,
        seals=fact.seals,
        verify=fact.verify or verify,
        timeout=fact.timeout / 1000,
    )
    data = encode(command)
    if is_marked(data):
        data = encode(msgspec.structs.replace(command, input=unseal(state.id, command.input)))
    return CloudEvent(
        id=fact.command,
        source=SOURCE,
        type=COMMAND,
        subject=state.id,
        traceparent=_trace_command(state, fact),
        data=msgspec.Raw(data),
    )


def traceparent(state: InstanceState, span: str) -> str:
    """W3C trace context: every instance is one trace, whoever carries it on and however often it is restarted; the
    trace of the request or event that started it, if it had one."""
    return tracing.derived(state.traceparent, state.id, span)


def begun(state: InstanceState) -> str:
    """Where its trace tells that it began: what it asks others to do goes on from there."""
    return traceparent(state, state.id)


def _trace_start(state: InstanceState) -> None:
    tracing.mark(
        begun(state), state.traceparent, f"start {state.process}", instance=state.id, business_key=state.business_key
    )


def _trace_command(state: InstanceState, fact: f.CommandIssued) -> str:
    position = traceparent(state, fact.command)
    name = f"{'send' if fact.kind == CommandKind.EXECUTE else 'probe'} {fact.operation}"
    tracing.mark(
        position, begun(state), name, instance=state.id, step=fact.step, command=fact.command, system=fact.system
    )
    return position


def effects_of(
    row: Row,
    facts: Iterable[f.Fact],
    state: InstanceState,
    lanes: int,
    unseal: Unseal,
    *,
    only_open: bool = False,
    held: Collection[str] = (),
) -> list[Outgoing]:
    """The messages that a journal row asks for. `only_open`: `state` is newer than the row, so commands that it does
    not wait for any more are left out. `held`: systems that nothing is sent to."""
    facts = list(facts)
    if any(type(fact) is f.InstanceStarted for fact in facts):
        _trace_start(state)
    issued = [fact for fact in _asked(facts, state, only_open) if fact.system not in held]
    others = [fact for fact in facts if type(fact) in _REACHES_OTHERS]
    told = _for_others(row, others, state, lanes) if others else []
    return [*command_events(issued, state, lanes, unseal), *told, journal_event(row, state)]


def _asked(facts: list[f.Fact], state: InstanceState, only_open: bool) -> list[f.CommandIssued]:
    """The commands that the facts issue, and those that were held back and are released by them."""
    issued = [fact for fact in facts if type(fact) is f.CommandIssued]
    released = {fact.command for fact in facts if type(fact) is f.CommandReleased}
    if not (only_open or released):
        return issued
    open_ = {command.command: command for command in open_commands(state)}
    again = [open_[command] for command in sorted(released) if command in open_]
    return [fact for fact in issued if not only_open or fact.command in open_] + again


_REACHES_OTHERS = frozenset({f.ChildCalled, f.ChildTold, f.ParentTold, f.MessageThrown, f.SignalThrown, f.TimerSet})


def _for_others(row: Row, facts: list[f.Fact], state: InstanceState, lanes: int) -> list[Outgoing]:
    """What goes to callers and children, to whoever waits for a message or signal, and back to the instance itself."""
    here = begun(state)
    inputs = calls.sent(row.seq, facts, state, here)
    inputs += [
        timer_due(row.instance, fact.timer)
        for fact in facts
        if type(fact) is f.TimerSet and is_due_at_once(fact, row.at) and fact.timer in state.timers
    ]
    return [*(input_event(input_, lanes) for input_ in inputs), *thrown(row, facts, here)]


def is_due_at_once(timer: f.TimerSet, at: int) -> bool:
    """Whether the timer was due when it was set (at `at`, ms): then it goes out with the row that sets it."""
    return timer.due <= at


def timer_due(instance: str, timer: int) -> i.TimerDue:
    """The timer of the instance is due; the same input however often it is told."""
    return i.TimerDue(id=f"t:{instance}:{timer}", instance=instance, timer=timer)


def thrown(row: Row, facts: Iterable[f.Fact], traceparent: str) -> list[Outgoing]:
    """Messages and signals that the instance throws, as events. What is sealed is masked: it stays in its instance."""
    return [
        Outgoing(EVENTS, _thrown(row, fact, traceparent))
        for fact in facts
        if isinstance(fact, f.MessageThrown | f.SignalThrown)
    ]


def _thrown(row: Row, fact: f.MessageThrown | f.SignalThrown, traceparent: str) -> CloudEvent:
    signal = isinstance(fact, f.SignalThrown)
    return CloudEvent(
        id=f"{row.instance}:{row.seq}:{fact.step}",
        source=SOURCE,
        type=fact.name,
        # of a signal: the instance where whoever waits for it has it already
        subject=row.instance if isinstance(fact, f.SignalThrown) else fact.key,
        tlrouting=Routing.SIGNAL if signal else Routing.MESSAGE,
        traceparent=traceparent,
        data=msgspec.Raw(masked(encode(fact.payload))),
    )
