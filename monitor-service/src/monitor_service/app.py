"""The monitor's HTTP app."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from monitor_service.api import Api
from monitor_service.errors import BadCursor, InstanceNotFound
from service_kit.http import InternalGuard, contract
from service_kit.http import create_app as create_kit_app
from service_kit.http.operational import Check

PROBLEMS: dict[type[Exception], int] = {InstanceNotFound: 404, BadCursor: 400}


def create_app(
    api: Api,
    internal_token: str,
    checks: Mapping[str, Check],
    *,
    registry: CollectorRegistry | None = None,
    validate_responses: bool = False,
) -> ASGIApp:
    """The internal API. `checks` make up `/ready`; `validate_responses` is for tests."""
    return create_kit_app(
        contract("monitor-service.yaml"),
        {
            "search_instances": api.search_instances,
            "read_timeline": api.read_timeline,
            "list_incidents": api.list_incidents,
            "read_totals": api.read_totals,
            "read_lag": api.read_lag,
        },
        service="monitor-service",
        guard=InternalGuard(internal_token),
        problems=PROBLEMS,
        checks=checks,
        registry=registry,
        validate_responses=validate_responses,
    )
