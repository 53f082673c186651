"""What a monitor process is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service_kit.settings import read_settings


@dataclass(frozen=True)
class Settings:
    """Times are in seconds; a field's variable has its name in upper case.

    `pace` is the shortest time between two writes: what arrives meanwhile is written together. `gap_grace` is how long
    a missing entry may still be on its way before the coordinator is asked for it; `digest_interval` how often all
    journals are compared with the coordinator's, and `digest_overlap` by how much comparisons overlap in time.
    """

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    coordinator_url: str
    internal_token: str = field(repr=False)
    bind: str = "0.0.0.0:8080"
    name: str = field(default="monitor", metadata={"env": "MONITOR_NAME"})
    batch: int = 2_000
    prefetch: int = 256
    pace: float = 0.15
    cached_instances: int = 20_000
    gap_grace: float = 0.5
    gap_interval: float = 0.2
    digest_interval: float = 60.0
    digest_overlap: float = 60.0
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read `environ`. Raises `SettingsError`, which names every key that is missing or wrong."""
        return read_settings(cls, environ)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.bind.rpartition(":")
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - what `:8080` means
