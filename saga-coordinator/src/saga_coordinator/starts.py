"""Starts as the API sends them: the same request is the same input."""

import hashlib

import msgspec

from saga_coordinator.engine import inputs as i
from service_kit.ids import derived_id, new_id


def start(
    process: str,
    version: int,
    *,
    idempotency_key: str | None = None,
    client: str = "",
    business_key: str | None = None,
    by: str | None = None,
    variables: dict[str, object] | None = None,
    element: str | None = None,
    payload: object = None,
) -> i.Start:
    """A start as the API sends it. The same client's same key makes the same instance; the input id tells requests with
    the same key but other contents apart."""
    digest = request_digest(process, element, business_key, variables or {}, payload)
    instance = derived_id("start", client, idempotency_key) if idempotency_key else new_id()
    return i.Start(
        id=f"s:{instance}:{digest}",
        instance=instance,
        process=process,
        version=version,
        element=element,
        variables=variables or {},
        payload=payload,
        business_key=business_key,
        by=by,
        digest=digest,
    )


def request_digest(
    process: str, element: str | None, business_key: str | None, variables: dict[str, object], payload: object = None
) -> str:
    """The same for the same request, whatever the order of its fields. The version is not part of it."""
    parts = [process, element, business_key, variables, *([] if payload is None else [payload])]
    content = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:16]
