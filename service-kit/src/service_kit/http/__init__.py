"""HTTP for every service: contract first, one way to answer, one way to fail.

A service writes its contract (`openapi/NAME.yaml`, OpenAPI 3.0.3) and one function per `operationId`:

    async def read_instance(id: str) -> Response:          # path and query parameters by name, `body` for the body
        return answer(await store.read(id))                # 200; `answer(value, 201, {"Location": ...})`

    app = create_app(
        contract("saga-coordinator.yaml"),
        {"read_instance": read_instance},
        service="saga-coordinator",
        guard=InternalGuard(settings.internal_token),      # who may call; None leaves every door open
        problems={InstanceNotFound: 404},                  # the service's own errors -> HTTP
        checks={"database": store.ping, "broker": broker.healthy},
    )

Functions may be `async def` or plain; a plain one runs in a worker thread. They raise: the problems of
`service_kit.http.problems`, or their own errors named in `problems`. What nobody named is a 500 that says nothing.
`/health`, `/ready`, `/version` and `/metrics` are there without being written. `current_caller()` tells who calls,
`header("If-Match")` reads a header.

Another service is called with `httpx.AsyncClient(auth=InternalAuth(token))`, which forwards caller and trace;
in one process, `transport=httpx.ASGITransport(app=app)`. `service_kit.http.server` runs an app.

    problems.Problem                the base; its children are the ways to fail
    +- BadRequest (400, fields) | Unauthenticated (401) | Forbidden (403) | NotFound (404) | Conflict (409)
    +- TooLarge (413) | UnsupportedMediaType (415) | Unprocessable (422) | TooManyRequests (429) | Unavailable (503)
"""

from service_kit.http.answers import answer, header
from service_kit.http.app import create_app
from service_kit.http.contracts import contract
from service_kit.http.identity import Caller, InternalAuth, InternalGuard, current_caller
from service_kit.http.problems import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    Problem,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)

__all__ = [
    "BadRequest",
    "Caller",
    "Conflict",
    "FieldError",
    "Forbidden",
    "InternalAuth",
    "InternalGuard",
    "NotFound",
    "Problem",
    "TooLarge",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
    "answer",
    "contract",
    "create_app",
    "current_caller",
    "header",
]
