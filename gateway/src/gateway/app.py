"""The gateway's HTTP app, and its process in services mode."""

import os
import time
from collections.abc import Mapping

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp

from gateway.administration import Administration
from gateway.api import PROBLEMS, handlers
from gateway.decisions import Decisions
from gateway.downstream import Downstream
from gateway.events import Events
from gateway.guard import ApiKeyGuard
from gateway.instances import Instances
from gateway.operating import Operating
from gateway.operations import Operations
from gateway.processes import Processes
from gateway.rates import RateLimit
from gateway.settings import Settings
from gateway.store import Store
from service_kit.database import is_gone, migrate, open_engine
from service_kit.http import contract
from service_kit.http import create_app as create_kit_app
from service_kit.http.server import serve
from service_kit.logs import configure
from service_kit.settings import read_settings
from service_kit.tracing import configure_from

LOCAL = "http://local"

log = structlog.get_logger("gateway")


def create_app(
    settings: Settings,
    engine: Engine,
    *,
    coordinator: ASGIApp | None = None,
    monitor: ASGIApp | None = None,
    connectors: Mapping[str, ASGIApp] | None = None,
    validate_responses: bool = False,
) -> ASGIApp:
    """The gateway over a migrated database.

    The services behind it are called at the addresses of `settings`, or directly where their apps are given
    (embedded mode; their addresses are not used then). `validate_responses` is for tests.
    """
    store = Store(engine)
    limit = RateLimit(settings.rate_limit, settings.rate_burst, time.monotonic)
    strangers = RateLimit(settings.stranger_limit, settings.stranger_burst, time.monotonic)
    guard = ApiKeyGuard(store, limit, strangers)
    token = settings.internal_token
    behind = Downstream("coordinator", settings.coordinator_url or LOCAL, token, coordinator)
    index = Downstream("monitor", settings.monitor_url or LOCAL, token, monitor)
    doors = {door.name: Downstream(door.name, door.url, token) for door in settings.connectors}
    doors |= {name: Downstream(name, LOCAL, token, app) for name, app in (connectors or {}).items()}
    instances = Instances(behind, index, settings.commit_wait)
    return create_kit_app(
        contract("gateway.yaml"),
        handlers(
            Processes(behind),
            Decisions(behind),
            instances,
            Operating(behind, instances, settings.commit_wait),
            Events(behind),
            Operations(doors),
            Administration(store, guard),
            store,
        ),
        service="gateway",
        guard=guard,
        problems=PROBLEMS,
        checks={"database": store.ping, "coordinator": behind.ready, "monitor": index.ready},
        body_limit=settings.body_limit,
        docs=True,
        validate_responses=validate_responses,
    )


def main() -> None:
    """Migrate once the database is there, then serve with gunicorn until a signal ends it."""
    configure("gateway")
    settings = read_settings(Settings, os.environ)
    engine = open_engine(settings.database_url)
    _migrate_patiently(engine)
    engine.dispose()  # connections must not be shared with the workers that are forked off
    serve(lambda: _worker(settings), settings.bind, settings.workers)


def _worker(settings: Settings) -> ASGIApp:
    configure_from(os.environ, "gateway")  # threads that send spans do not survive a fork
    return create_app(settings, open_engine(settings.database_url))


def _migrate_patiently(engine: Engine) -> None:
    while True:
        try:
            return migrate(engine, "gateway")
        except DBAPIError as error:
            if not is_gone(error):
                raise
            log.warning("gateway.waits", waits_for="database", error=type(error).__name__)
            time.sleep(1)
