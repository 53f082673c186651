"""What a handler reads besides its parameters, and what it returns."""

from collections.abc import Mapping
from typing import Any

import connexion
import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder()


def answer(value: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An `application/json` answer: anything msgspec encodes; without a body for 204."""
    if status == 204:
        return Response(status_code=204, headers=headers)
    return Response(_encoder.encode(value), status, headers, "application/json")


def header(name: str) -> str | None:
    """A header of the request that is being handled."""
    value: str | None = connexion.request.headers.get(name)
    return value


def headers() -> Mapping[str, str]:
    """All headers of the request that is being handled; looked up in any case."""
    found: Mapping[str, str] = connexion.request.headers
    return found


def content_type() -> str:
    """The media type of the body, lower case, without parameters; empty where none was given."""
    return (header("content-type") or "").partition(";")[0].strip().lower()
