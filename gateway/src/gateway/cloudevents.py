"""CloudEvents 1.0 over HTTP: binary, structured and batched, with JSON data.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from service_kit.http import BadRequest, FieldError
from service_kit.http.validation import MOST_ERRORS, refuse_unstorable

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
REQUIRED = ("id", "source", "type", "specversion")
BINARY = "data_base64"
OPTIONAL = ("subject", "time", "dataschema", "traceparent", "tracestate")


def read_events(
    media_type: str, headers: Mapping[str, str], body: Any, position: str | None = None
) -> list[dict[str, Any]]:
    """The events of a request, whose body has been validated. Raises `BadRequest` naming the attribute.

    Attributes that this hub does not carry (extensions) are left out. The trace context stays; an event that has none
    goes on with `position`, the traceparent of the request that brought it.
    """
    if media_type == STRUCTURED:
        events = [body]
    elif media_type == BATCH:
        events = list(body)
    else:
        events = [_binary(headers, body)]
    _refuse_binary_data(events, batched=media_type == BATCH)
    kept = [*REQUIRED, *OPTIONAL, "ttl", "data"]
    traced = {"traceparent": position} if position else {}
    return [traced | {name: event[name] for name in kept if name in event} for event in events]


def _refuse_binary_data(events: list[dict[str, Any]], *, batched: bool) -> None:
    """An event in JSON may say its data in base64 (JSON format, section 3.1.1); nobody here could read it."""
    fields = [f"{at}.{BINARY}" if batched else BINARY for at, event in enumerate(events) if BINARY in event]
    if fields:
        told = "is not taken: send JSON, in `data`"
        errors = [FieldError(field, told) for field in fields[:MOST_ERRORS]]
        raise BadRequest(f"{fields[0]}: {told}.", errors=errors)


def _binary(headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    missing = [name for name in REQUIRED if not headers.get(f"ce-{name}")]
    if missing:
        errors = [FieldError(f"ce-{name}", "is required") for name in missing]
        raise BadRequest(
            "In binary mode the headers ce-id, ce-source, ce-type, ce-specversion are needed.", errors=errors
        )
    # Values that are not ASCII are percent-encoded there (section 3.1.3.2).
    event = {name: unquote(headers[f"ce-{name}"]) for name in (*REQUIRED, *OPTIONAL) if f"ce-{name}" in headers}
    refuse_unstorable(event)
    return {**event, "data": body}
