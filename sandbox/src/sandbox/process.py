"""The one composition: books, servers, batch job and admin API of a sandbox, from its settings."""

from dataclasses import dataclass

from sandbox import admin
from sandbox.crm import app as crm_app
from sandbox.crm.books import CrmBooks
from sandbox.crm.oauth import Tokens
from sandbox.database import Database
from sandbox.erp import app as erp_app
from sandbox.erp.books import ErpBooks
from sandbox.erp.session import Sessions
from sandbox.faults import FaultBook
from sandbox.http_server import HttpServer
from sandbox.settings import Settings
from sandbox.systems import DEFAULTS, Systems
from sandbox.wms.batch import BatchJob
from sandbox.wms.tables import create_schema


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    admin: HttpServer
    erp: HttpServer
    crm: HttpServer
    wms_url: str
    batch: BatchJob
    databases: tuple[Database, ...]

    def close(self) -> None:
        """Stops everything and closes the books."""
        for server in (self.admin, self.erp, self.crm):
            server.close()
        self.batch.stop()
        for database in self.databases:
            database.close()


def start(settings: Settings) -> Sandbox:
    """Opens the books, seeds them on the first start, and serves."""
    settings.data.mkdir(parents=True, exist_ok=True)
    databases = tuple(Database(settings.database_url(system)) for system in ("erp", "crm", "wms"))
    systems = _open_books(*databases)
    faults = FaultBook()
    sessions = Sessions(settings.erp_user, settings.erp_password, settings.erp_csrf_seconds)
    tokens = Tokens(settings.crm_client_id, settings.crm_client_secret, settings.crm_token_seconds)
    applications = (
        admin.create_app(systems, faults, tokens.revoke, sessions.revoke),
        erp_app.create_app(systems.erp, sessions, faults),
        crm_app.create_app(systems.crm, tokens, faults, settings.crm_page_size),
    )
    servers = [HttpServer(settings.host, settings.port_of(n), app) for n, app in enumerate(applications)]
    _let_faults_switch(faults, {"erp": servers[1], "crm": servers[2]})
    batch = BatchJob(systems.wms, faults, settings.wms_poll_ms)
    batch.start()
    return Sandbox(servers[0], servers[1], servers[2], settings.database_url("wms"), batch, databases)


def _open_books(erp: Database, crm: Database, wms: Database) -> Systems:
    with wms.writing() as connection:
        create_schema(connection)
    systems = Systems(ErpBooks(erp), CrmBooks(crm), wms)
    if systems.erp.is_empty() or systems.crm.is_empty():
        systems.seed(DEFAULTS)
    return systems


def _let_faults_switch(faults: FaultBook, servers: dict[str, HttpServer]) -> None:
    def switch(system: str) -> None:
        if system in servers:
            (servers[system].down if faults.is_down(system) else servers[system].up)()

    faults.on_change = switch
