"""Traces by OpenTelemetry, through HTTP and messages, as W3C trace context.

Until `configure` was given somewhere to send spans, nothing is recorded and nothing of the SDK is loaded; a
`traceparent` that came in is still handed on to what goes out.
"""

import atexit
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.trace.id_generator import IdGenerator

Attribute = str | int | float | bool | None
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACES_PATH = "/v1/traces"

_tracer: Tracer | None = None  # of the process, like the SDK's own
_passing: ContextVar[str | None] = ContextVar("traceparent", default=None)
_exactly: ContextVar[SpanContext | None] = ContextVar("exactly", default=None)


def configure(service_name: str, otlp_endpoint: str | None) -> Callable[[], None]:
    """Record spans and send them to `otlp_endpoint` (OTLP over HTTP, `http://collector:4318`); None turns it off.

    Call the result when the process ends: it sends what is left.
    """
    if otlp_endpoint is None:
        return _turn_off
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    endpoint = otlp_endpoint.rstrip("/").removesuffix(_TRACES_PATH) + _TRACES_PATH
    return record(service_name, OTLPSpanExporter(endpoint=endpoint))


def configure_from(environ: Mapping[str, str], service_name: str) -> None:
    """`configure` as a process does at its start: `OTEL_EXPORTER_OTLP_ENDPOINT` says where to, if anywhere; what is
    left is sent when the process ends."""
    atexit.register(configure(service_name, environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None))


def record(service_name: str, exporter: "SpanExporter") -> Callable[[], None]:
    """Record spans and hand them to `exporter`, in the background. Call the result when the process ends."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: service_name})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=_ids())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    global _tracer
    _tracer = provider.get_tracer("throughline")

    def stop() -> None:
        _turn_off()
        provider.shutdown()

    return stop


def traceparent() -> str | None:
    """The current position in the trace, for a message that goes out; None outside of any trace."""
    if _tracer is None:
        return _passing.get()
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return _passing.get()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def span_from(
    incoming: str | None, name: str, *, kind: SpanKind = SpanKind.CONSUMER, **attributes: Attribute
) -> Iterator[Span]:
    """A span that continues the trace of an incoming message or request; without one, or with one that cannot be
    read, a trace begins. Attributes that are None are left out. An exception that leaves it is recorded."""
    parent = _remote(incoming)
    passed = _passing.set(incoming if parent else None)
    try:
        if _tracer is None:
            yield trace.INVALID_SPAN
        else:
            context = trace.set_span_in_context(parent or trace.INVALID_SPAN, Context())
            with _tracer.start_as_current_span(name, context, kind, _present(attributes)) as span:
                yield span
    finally:
        _passing.reset(passed)


@contextmanager
def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute) -> Iterator[Span]:
    """A span inside the current one."""
    if _tracer is None:
        yield trace.INVALID_SPAN
        return
    with _tracer.start_as_current_span(name, None, kind, _present(attributes)) as opened:
        yield opened


def readable(incoming: str | None) -> str | None:
    """A traceparent from outside, None where it cannot be read (W3C trace context, 3.2.2)."""
    return incoming if _remote(incoming) else None


def derived(incoming: str | None, trace_seed: str, span_seed: str) -> str:
    """A traceparent that whoever knows the seeds derives alike: in the trace of `incoming`, recorded or not as that
    says; in one of `trace_seed`'s own where it is None or cannot be read."""
    parent = _remote(incoming)
    if parent is None:
        trace_id, flags = _digest(trace_seed, 16, b"trace"), int(TraceFlags.SAMPLED)
    else:
        context = parent.get_span_context()
        trace_id, flags = f"{context.trace_id:032x}", context.trace_flags
    return f"00-{trace_id}-{_digest(span_seed, 8, b'span')}-{flags:02x}"


def mark(
    position: str, parent: str | None, name: str, *, kind: SpanKind = SpanKind.PRODUCER, **attributes: Attribute
) -> None:
    """Record a moment as the span that is exactly at `position` (see `derived`), so that what goes on from there hangs
    together; below `parent`, which is in the same trace, or as the first of the trace. Again is the same span."""
    here = _remote(position)
    if _tracer is None or here is None:
        return
    context = trace.set_span_in_context(_remote(parent) or trace.INVALID_SPAN, Context())
    token = _exactly.set(here.get_span_context())
    try:
        _tracer.start_span(name, context, kind, _present(attributes)).end()
    finally:
        _exactly.reset(token)


def inject_http(headers: MutableMapping[str, str]) -> None:
    """Add the current position in the trace to the headers of an outgoing request."""
    if position := traceparent():
        headers["traceparent"] = position


def _turn_off() -> None:
    global _tracer
    _tracer = None


def _ids() -> "IdGenerator":
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Random ones, but for `mark`."""

        def generate_trace_id(self) -> int:
            here = _exactly.get()
            return here.trace_id if here else super().generate_trace_id()

        def generate_span_id(self) -> int:
            here = _exactly.get()
            return here.span_id if here else super().generate_span_id()

    return Ids()


def _digest(seed: str, size: int, person: bytes) -> str:
    return hashlib.blake2b(seed.encode(), digest_size=size, person=person).hexdigest()


def _remote(incoming: str | None) -> Span | None:
    found = _TRACEPARENT.fullmatch(incoming) if incoming else None
    if not found:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups()[:3])
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return NonRecordingSpan(context) if context.is_valid else None


def _present(attributes: dict[str, Attribute]) -> dict[str, str | int | float | bool]:
    return {key: value for key, value in attributes.items() if value is not None}
