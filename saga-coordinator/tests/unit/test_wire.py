import msgspec
import pytest

from saga_coordinator import wire
from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import Poison
from saga_coordinator.lanes import lane_of
from saga_coordinator.store.journal import Row
from service_kit.messages import REPLY, CloudEvent, Command, Completed, JournalEntry, Reply, event


def no_secrets(instance: str, value: object) -> object:
    raise AssertionError(f"there is nothing to unseal in {value}")


def test_an_input_comes_back_as_it_was_sent() -> None:
    # given
    cancel = i.Cancel(id="c", instance="a", reason="no more")

    # when
    outgoing = wire.input_event(cancel, 8)

    # then
    assert wire.input_of(outgoing.event) == cancel


def test_a_connectors_reply_is_an_input() -> None:
    # given
    reply = Reply(id="c:r", command="c", instance="a", step=2, attempt=1, outcome=Completed(output={"n": 1}))

    # when
    read = wire.input_of(event(REPLY, "erp", reply, id_=reply.id))

    # then
    outcome = i.CompletedOutcome(output={"n": 1})
    assert read == i.Reply(id="c:r", command="c", instance="a", step=2, attempt=1, outcome=outcome)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("something.else", b"{}"),
        (i.INPUT_TYPE, b'{"input":"cancel","id":"c"}'),
        (i.INPUT_TYPE, b'{"input":"from-the-future","id":"c","instance":"a"}'),
        (REPLY, b"[]"),
    ],
)
def test_what_is_no_input_is_poison(type_: str, data: bytes) -> None:
    with pytest.raises(Poison):
        wire.input_of(CloudEvent(id="1", source="test", type=type_, data=msgspec.Raw(data)))


def test_an_unknown_fact_is_poison_and_never_skipped() -> None:
    # given
    row = Row("a", 1, 0, "i", b"{}", b'[{"fact":"left","step":1},{"fact":"from-the-future"}]')

    # then
    with pytest.raises(Poison, match="a/1"):
        wire.facts_of(row)


def test_a_command_names_the_lane_of_its_instance_and_carries_the_instances_trace() -> None:
    # given
    fact = f.CommandIssued(
        step=2,
        command="a.2.1",
        kind="execute",
        attempt=1,
        operation="erp.create-order",
        system="erp",
        hub_key="k",
        at=1,
        timeout=1500,
        input={"n": 1},
    )

    # when
    (outgoing,) = wire.command_events([fact], InstanceState(id="a", business_key="SO-1"), 8, no_secrets, verify=True)

    # then
    command = msgspec.json.decode(outgoing.event.data, type=Command)
    assert (outgoing.queue, outgoing.event.subject) == ("commands.erp", "a")
    assert (command.reply_to, command.timeout, command.verify, command.business_key) == (
        lane_of("a", 8),
        1.5,
        True,
        "SO-1",
    )
    assert outgoing.event.traceparent is not None
    assert outgoing.event.traceparent.split("-")[1] == wire.traceparent(InstanceState(id="a"), "another").split("-")[1]


def test_a_journal_row_travels_with_its_bytes_unchanged() -> None:
    # given
    row = Row("a", 3, 77, "i", b'{"input":"nudge"}', b'[{"fact":"left","step":1}]')

    # when
    outgoing = wire.journal_event(row, InstanceState(id="a", process="p", version=2))

    # then
    entry = msgspec.json.decode(outgoing.event.data, type=JournalEntry)
    assert (entry.seq, entry.at, entry.process, entry.version) == (3, 77, "p", 2)
    assert (bytes(entry.input), bytes(entry.facts)) == (row.input, row.facts)


def test_a_trace_that_is_not_recorded_stays_unrecorded() -> None:
    state = InstanceState(id="a", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")

    assert wire.traceparent(state, "span").endswith("-00")


def test_an_instance_goes_on_with_the_trace_of_the_request_that_started_it() -> None:
    state = InstanceState(id="a", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

    assert wire.traceparent(state, "span").split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
