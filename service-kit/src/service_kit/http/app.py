"""The app factory."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import connexion
from connexion.exceptions import ProblemException
from connexion.http_facts import METHODS
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.security import SecurityMiddleware
from connexion.middleware.swagger_ui import SwaggerUIMiddleware
from connexion.resolver import Resolver
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from service_kit.contracts import Contracts
from service_kit.errors import KitError
from service_kit.http import problems as kit_problems
from service_kit.http import trace
from service_kit.http.docs import documented
from service_kit.http.edge import Edge
from service_kit.http.guarding import Guarding
from service_kit.http.identity import Guard
from service_kit.http.metrics import RequestMetrics
from service_kit.http.operational import PATHS, Check, Handler, operational_handlers
from service_kit.http.validation import VALIDATORS

DEFAULT_LIMIT = 2 * 1024 * 1024


class HandlerMissing(KitError):
    """The contract has an operation that nobody handles."""


def create_app(
    spec_path: Path,
    handlers: Mapping[str, Handler],
    *,
    service: str,
    guard: Guard | None = None,
    problems: Mapping[type[Exception], int] | None = None,
    checks: Mapping[str, Check] | None = None,
    registry: CollectorRegistry | None = None,
    body_limit: int = DEFAULT_LIMIT,
    docs: bool = False,
    lifespan: AbstractAsyncContextManager[Any] | Any = None,
    validate_responses: bool = False,
) -> ASGIApp:
    """The ASGI app of the contract at `spec_path`; see the package's docstring.

    `handlers` are by operationId; one that is missing raises `HandlerMissing`. `checks` make up `/ready`. `docs`
    serves the documentation page at `/docs` and the contract at `/openapi.json`. `validate_responses` is for tests.
    """
    registry = registry or CollectorRegistry()
    told = _version(service)
    known = {**operational_handlers(service, told, checks or {}, registry), **handlers}
    spec = _load(spec_path)
    _require(known, spec)
    logging.getLogger("connexion").setLevel(logging.ERROR)  # it warns at every request of two media types
    app = connexion.AsyncApp(__name__, lifespan=lifespan, middlewares=_layers(guard))
    app.add_api(
        spec,
        resolver=Resolver(known.__getitem__),
        strict_validation=True,
        validate_responses=validate_responses,
        validator_map=VALIDATORS,
    )
    own = problems or {}
    for cls in (ProblemException, HTTPException, Exception):
        app.add_error_handler(cls, partial(_on_error, own))
    inner = documented(app, spec_path) if docs else app
    return Edge(inner, own=own, limit=body_limit, metrics=RequestMetrics(service, registry))


def _layers(guard: Guard | None) -> Sequence[Any]:
    guarding = partial(Guarding, guard=guard)
    layers = [layer for layer in ConnexionMiddleware.default_middlewares if layer is not SwaggerUIMiddleware]
    return [guarding if layer is SecurityMiddleware else layer for layer in layers]


def _load(spec_path: Path) -> dict[str, Any]:
    contracts = Contracts()
    raw = contracts.read(spec_path)
    raw["paths"] = {**raw["paths"], **{path: item for path, item in PATHS.items() if path not in raw["paths"]}}
    bundled: dict[str, Any] = _bundle(contracts, spec_path, raw)
    return bundled


def _bundle(contracts: Contracts, file: Path, value: Any) -> Any:
    """`value` with what it refers to in other files put in its place. References within the file stay: Connexion
    resolves those itself, and takes many times longer to check a contract in which everything is written out."""
    if isinstance(value, list):
        return [_bundle(contracts, file, item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(reference := value.get("$ref"), str) and not reference.startswith("#"):
        return contracts.resolve(file, value)
    return {name: _bundle(contracts, file, item) for name, item in value.items()}


def _require(handlers: Mapping[str, Handler], spec: Mapping[str, Any]) -> None:
    operations = {
        operation.get("operationId")
        for item in spec["paths"].values()
        for method, operation in item.items()
        if method in METHODS
    }
    if missing := sorted(str(operation) for operation in operations - set(handlers)):
        raise HandlerMissing(f"No handler for {', '.join(missing)}.")


async def _on_error(
    own: Mapping[type[Exception], int], request: ConnexionRequest, error: Exception
) -> ConnexionResponse:
    if kit_problems.status_of(error, own) >= 500 and not isinstance(error, kit_problems.Unavailable):
        logging.getLogger("http").error("failed: %s %s", request.method, request.url.path, exc_info=error)
    response = kit_problems.to_response(error, own, trace.request_id())
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return ConnexionResponse(
        response.status_code, mimetype=kit_problems.MEDIA_TYPE, body=bytes(response.body), headers=headers
    )


def _version(service: str) -> str:
    try:
        return version(f"throughline-{service}")
    except PackageNotFoundError:
        return version("throughline-service-kit")
