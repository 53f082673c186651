"""What a coordinator process is told by its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from saga_coordinator.periods import EVER, NEVER, is_period
from service_kit.sealing import master_keys
from service_kit.settings import SettingsError, read_settings


@dataclass(frozen=True)
class Settings:
    """Times are in seconds, sizes in rows or instances; a field's variable has its name in upper case.

    `coordinators` is how many there are and `coordinator_index` which of them this is (without it, the number at the
    end of `hostname`): together they say which lanes are its own, for speed only. `lanes` must be the same everywhere.
    `contracts` is the folder of the catalogue ("": the one of this installation), `calendars_file` says when people
    work ("": there are no calendars).
    `secrets_key` (32 bytes, base64) wraps the keys of secrets in the store; without it they lie there as they are.
    `secrets_keys_also` (separated by commas) are master keys that can be read besides, while they are being changed.

    `retention_after` and `retention_keys` (ISO 8601 durations; `never`, `ever`; "" is never) and `retention_archive`
    hold for processes that do not say it themselves; archives go into `archive_folder`. What is to be purged is deleted
    `purge_grace` after it is gone for everybody. `duty_seconds`: so long after a coordinator has died its housekeeping
    goes to another.
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
    duty_seconds: float = 20.0
    retention_after: str = ""
    retention_archive: bool = False
    retention_keys: str = "P1Y"
    archive_folder: str = ""
    retention_interval: float = 5.0
    retention_page: int = 200
    retention_rows: int = 2_000
    purge_grace: float = 60.0
    suspension_interval: float = 1.0
    contracts: str = ""
    calendars_file: str = ""
    log_level: str = "INFO"
    internal_token: str = field(default="", repr=False)
    secrets_key: str = field(default="", repr=False)
    secrets_keys_also: str = field(default="", repr=False)
    bind: str = "0.0.0.0:8080"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read `environ`. Raises `SettingsError`, which names every key that is missing or wrong."""
        settings = read_settings(cls, environ)
        for name, text in (("SECRETS_KEY", settings.secrets_key), ("SECRETS_KEYS_ALSO", settings.secrets_keys_also)):
            try:
                master_keys(text)
            except ValueError as error:
                raise SettingsError([], [f"{name} {error}"]) from error
        _check_periods(settings)
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


def _check_periods(settings: Settings) -> None:
    wrong = []
    if not is_period(settings.retention_after, "", NEVER):
        wrong.append(f"RETENTION_AFTER is {settings.retention_after!r}: expected an ISO 8601 duration, or {NEVER}")
    if not is_period(settings.retention_keys, EVER):
        wrong.append(f"RETENTION_KEYS is {settings.retention_keys!r}: expected an ISO 8601 duration, or {EVER}")
    if settings.retention_archive and not settings.archive_folder:
        wrong.append("ARCHIVE_FOLDER is needed where RETENTION_ARCHIVE is true")
    if wrong:
        raise SettingsError([], wrong)
