"""Passing on what a service behind the gateway answered."""

from collections.abc import Mapping

import httpx
from starlette.responses import Response


def relayed(found: httpx.Response, headers: Mapping[str, str] | None = None) -> Response:
    """Its status and body, with these headers."""
    media_type = found.headers.get("content-type", "application/json")
    return Response(found.content, found.status_code, headers, media_type)
