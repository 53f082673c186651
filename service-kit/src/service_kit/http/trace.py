"""The request that is being handled: its id, and its place in the trace."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.trace import SpanKind

from service_kit import tracing
from service_kit.ids import new_id

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def request_id() -> str:
    """The id of the request that is being handled, empty outside of one."""
    return _request_id.get()


@contextmanager
def entered(headers: Mapping[str, str], name: str) -> Iterator[str]:
    """Continue the trace of a request's `headers` (lower-case names) in a server span; gives the request's id."""
    given = headers.get("x-request-id", "")
    token = _request_id.set(given if _ACCEPTABLE_ID.fullmatch(given) else new_id())
    try:
        with tracing.span_from(headers.get("traceparent"), name, kind=SpanKind.SERVER):
            yield _request_id.get()
    finally:
        _request_id.reset(token)
