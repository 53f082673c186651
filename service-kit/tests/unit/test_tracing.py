"""Positions in a trace, handed on and recorded."""

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service_kit import tracing

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
INCOMING = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@pytest.fixture
def recorded() -> Iterator[Callable[[], dict[str, ReadableSpan]]]:
    """Record; the result ends recording and tells the spans by name."""
    exporter = InMemorySpanExporter()
    stop = tracing.record("gateway", exporter)
    ended: list[ReadableSpan] = []

    def end() -> dict[str, ReadableSpan]:
        ended.extend(exporter.get_finished_spans())
        return {span.name: span for span in ended}

    def flush() -> dict[str, ReadableSpan]:
        stop()
        return end()

    yield flush
    stop()


def test_without_a_collector_an_incoming_position_is_handed_on_as_it_is() -> None:
    assert tracing.traceparent() is None
    with tracing.span_from(INCOMING, "take"), tracing.span("inner"):
        assert tracing.traceparent() == INCOMING
    assert tracing.traceparent() is None


def test_a_message_without_a_position_does_not_inherit_somebody_elses() -> None:
    with tracing.span_from(INCOMING, "take"), tracing.span_from(None, "take another"):
        assert tracing.traceparent() is None


@pytest.mark.parametrize("broken", ["", "rubbish", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE_ID}-xyz-01"])
def test_a_position_that_cannot_be_read_is_ignored(broken: str) -> None:
    with tracing.span_from(broken, "take"):
        assert tracing.traceparent() is None


def test_requests_that_go_out_carry_the_position() -> None:
    headers: dict[str, str] = {}
    tracing.inject_http(headers)
    assert headers == {}

    with tracing.span_from(INCOMING, "take"):
        tracing.inject_http(headers)

    assert headers == {"traceparent": INCOMING}


def test_a_span_continues_the_incoming_trace_and_outgoing_messages_continue_the_span(
    recorded: Callable[[], dict[str, ReadableSpan]],
) -> None:
    with tracing.span_from(INCOMING, "take", instance="i1", step=None), tracing.span("commit", rows=3):
        outgoing = tracing.traceparent()

    spans = recorded()
    take, commit = spans["take"], spans["commit"]
    assert take.parent
    assert f"{take.parent.span_id:016x}" == "b7ad6b7169203331"
    assert take.attributes == {"instance": "i1"}
    assert commit.parent == take.context
    assert commit.context
    assert outgoing == f"00-{TRACE_ID}-{commit.context.span_id:016x}-01"


def test_a_trace_begins_where_none_comes_in(recorded: Callable[[], dict[str, ReadableSpan]]) -> None:
    with tracing.span_from(None, "outer"), tracing.span_from(None, "take"):
        assert tracing.traceparent() is not None

    assert recorded()["take"].parent is None


def test_an_exception_is_recorded_and_goes_on(recorded: Callable[[], dict[str, ReadableSpan]]) -> None:
    with pytest.raises(ValueError, match="broken"), tracing.span_from(INCOMING, "take"):
        raise ValueError("broken")

    (event,) = recorded()["take"].events
    assert event.name == "exception"


def test_a_derived_position_is_the_same_for_everybody_and_in_the_trace_it_came_from() -> None:
    mine, yours = (tracing.derived(INCOMING, "instance", "command") for _ in range(2))

    assert mine == yours
    assert mine.split("-")[1] == TRACE_ID
    assert mine != INCOMING
    assert tracing.derived(INCOMING[:-2] + "00", "instance", "command").endswith("-00")


def test_without_a_trace_to_go_on_with_a_derived_position_begins_one_for_its_seed() -> None:
    first, second, other = (
        tracing.derived(incoming, trace, span)
        for incoming, trace, span in [(None, "i1", "a"), ("rubbish", "i1", "b"), (None, "i2", "a")]
    )

    assert tracing.readable(first) == first
    assert first.split("-")[1] == second.split("-")[1] != other.split("-")[1]


def test_a_marked_moment_is_the_parent_of_whatever_goes_on_from_it(
    recorded: Callable[[], dict[str, ReadableSpan]],
) -> None:
    begun = tracing.derived(None, "i1", "i1")
    sent = tracing.derived(begun, "i1", "command")
    tracing.mark(begun, None, "start")
    tracing.mark(sent, begun, "send", instance="i1")
    with tracing.span_from(sent, "take"):
        pass

    spans = recorded()
    start, send, take = spans["start"], spans["send"], spans["take"]
    assert start.parent is None
    for child, parent in ((send, start), (take, send)):
        assert child.parent
        assert parent.context
        assert child.parent.span_id == parent.context.span_id
        assert child.parent.trace_id == parent.context.trace_id == int(begun.split("-")[1], 16)
    assert send.attributes == {"instance": "i1"}


def test_a_moment_of_a_trace_that_is_not_recorded_is_not_recorded_either(
    recorded: Callable[[], dict[str, ReadableSpan]],
) -> None:
    unsampled = INCOMING[:-2] + "00"
    tracing.mark(tracing.derived(unsampled, "i1", "command"), unsampled, "send")

    assert recorded() == {}


def test_configuring_without_an_endpoint_records_nothing() -> None:
    stop = tracing.configure("gateway", None)

    with tracing.span_from(INCOMING, "take") as span:
        assert not span.is_recording()
    stop()
