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


def test_configuring_without_an_endpoint_records_nothing() -> None:
    stop = tracing.configure("gateway", None)

    with tracing.span_from(INCOMING, "take") as span:
        assert not span.is_recording()
    stop()
