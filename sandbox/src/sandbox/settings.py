"""What can be configured, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import BadSetting


@dataclass(frozen=True)
class Settings:
    """All settings of a sandbox. `port` 0 means free ports; otherwise admin, ERP and CRM take port, +1 and +2."""

    host: str = "127.0.0.1"
    port: int = 18100
    data: Path = Path("sandbox-data")
    erp_user: str = "HUB"
    erp_password: str = "hub-secret"  # noqa: S105 - of a simulator
    erp_csrf_seconds: float = 1800
    crm_client_id: str = "hub"
    crm_client_secret: str = "hub-secret"  # noqa: S105 - of a simulator
    crm_token_seconds: float = 7200
    crm_page_size: int = 2000
    wms_url: str = ""
    wms_poll_ms: int = 25

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads `SANDBOX_*`; a value that cannot be used raises `BadSetting` and is named."""
        return cls(
            host=environ.get("SANDBOX_HOST", cls.host),
            port=_whole_number(environ, "SANDBOX_PORT", cls.port),
            data=Path(environ.get("SANDBOX_DATA", str(cls.data))),
            erp_user=environ.get("SANDBOX_ERP_USER", cls.erp_user),
            erp_password=environ.get("SANDBOX_ERP_PASSWORD", cls.erp_password),
            erp_csrf_seconds=_seconds(environ, "SANDBOX_ERP_CSRF_SECONDS", cls.erp_csrf_seconds),
            crm_client_id=environ.get("SANDBOX_CRM_CLIENT_ID", cls.crm_client_id),
            crm_client_secret=environ.get("SANDBOX_CRM_CLIENT_SECRET", cls.crm_client_secret),
            crm_token_seconds=_seconds(environ, "SANDBOX_CRM_TOKEN_SECONDS", cls.crm_token_seconds),
            crm_page_size=_whole_number(environ, "SANDBOX_CRM_PAGE_SIZE", cls.crm_page_size),
            wms_url=environ.get("SANDBOX_WMS_URL", cls.wms_url),
            wms_poll_ms=_whole_number(environ, "SANDBOX_WMS_POLL_MS", cls.wms_poll_ms),
        )

    def database_url(self, system: str) -> str:
        """The SQLAlchemy URL of a system's books."""
        if system == "wms" and self.wms_url:
            return self.wms_url
        return f"sqlite:///{self.data.absolute() / (system + '.sqlite')}"

    def port_of(self, offset: int) -> int:
        """The port of the admin API (0), the ERP (1) or the CRM (2); 0 = any free port."""
        return self.port + offset if self.port else 0


def _whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    value = _seconds(environ, name, default)
    if value != int(value):
        raise BadSetting(f"{name} must be a whole number, not {environ[name]!r}")
    return int(value)


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(environ.get(name, default))
    except ValueError:
        raise BadSetting(f"{name} must be a number, not {environ[name]!r}") from None
    if value < 0:
        raise BadSetting(f"{name} must not be negative")
    return value
