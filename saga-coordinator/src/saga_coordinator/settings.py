"""What a coordinator process is told by its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from saga_coordinator.sealing import master_key
from service_kit.settings import SettingsError, read_settings


@dataclass(frozen=True)
class Settings:
    """Times are in seconds, sizes in rows or instances; a field's variable has its name in upper case.

    `coordinators` is how many there are and `coordinator_index` which of them this is (without it, the number at the
    end of `hostname`): together they say which lanes are its own, for speed only. `lanes` must be the same everywhere.
    `contracts` is the folder of the catalogue ("": the one of this installation), `calendars_file` says when people
    work ("": there are no calendars).
    `secrets_key` (32 bytes, base64) wraps the keys of secrets in the store; without it they lie there as they are.
    With an `internal_token` (the gateway's) the internal API is served at `bind`.
    """

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    name: str = field(default="saga-coordinator", metadata={"env": "COORDINATOR_NAME"})
    lanes: int = 8
    coordinators: int = 1
    coordinator_index: int | None = None
    hostname: str = ""
    batch: int = 256
    prefetch: int = 64
    cached_instances: int = 10_000
    snapshot_every: int = 200
    early_message_ttl: float = 3_600.0
    seen_event_retention: float = 7 * 86_400.0
    refusal_retention: float = 86_400.0
    timer_interval: float = 0.2
    timer_republish: float = 30.0
    sweep_interval: float = 5.0
    sweep_page: int = 500
    sweep_after: float = 60.0
    nudge_grace: float = 10.0
    contracts: str = ""
    calendars_file: str = ""
    log_level: str = "INFO"
    internal_token: str = field(default="", repr=False)
    secrets_key: str = field(default="", repr=False)
    bind: str = "0.0.0.0:8080"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read `environ`. Raises `SettingsError`, which names every key that is missing or wrong."""
        settings = read_settings(cls, environ)
        try:
            master_key(settings.secrets_key)
        except ValueError as error:
            raise SettingsError([], [f"SECRETS_KEY {error}"]) from error
        if settings.coordinators > 1 and settings.index is None:
            raise SettingsError(["COORDINATOR_INDEX"], [])
        return settings

    @property
    def index(self) -> int | None:
        """Which of the coordinators this is."""
        if self.coordinator_index is not None:
            return self.coordinator_index
        ordinal = re.search(r"-(\d+)$", self.hostname)
        return int(ordinal.group(1)) if ordinal else None

    @property
    def own_lanes(self) -> frozenset[int]:
        """The lanes that this coordinator takes first."""
        if self.coordinators == 1 or self.index is None:
            return frozenset()
        mine = self.index % self.coordinators
        return frozenset(lane for lane in range(self.lanes) if lane % self.coordinators == mine)
