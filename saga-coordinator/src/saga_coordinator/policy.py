"""How long ended instances are kept: what their process says, or else the installation."""

import msgspec

from saga_coordinator.engine import times
from saga_coordinator.engine.process import Retention
from saga_coordinator.engine.times import Duration
from saga_coordinator.periods import EVER, NEVER
from saga_coordinator.settings import Settings


class Policy(msgspec.Struct, frozen=True):
    """Purged `after` its end (None: never), `archive`d before, its keys standing for `keys` after (None: for ever)."""

    after: Duration | None
    archive: bool
    keys: Duration | None

    def ended_before(self, now: int) -> int | None:
        """What ended at or before this time (ms) may be purged; None: nothing."""
        if self.after is None:
            return None
        try:
            return Duration(months=-self.after.months, ms=-self.after.ms).after(now)
        except (ValueError, OverflowError):  # before the calendar begins
            return None

    def keys_until(self, purged_at: int) -> int | None:
        """Until when (ms) keys of what is purged now stand; None: for ever."""
        if self.keys is None:
            return None
        try:
            return self.keys.after(purged_at)
        except (ValueError, OverflowError):  # beyond the calendar's end
            return None


def policy_of(retention: Retention, settings: Settings) -> Policy:
    """What holds for the instances of a process."""
    after = settings.retention_after if retention.after is None else retention.after
    keys = settings.retention_keys if retention.keys is None else retention.keys
    return Policy(
        after=None if after in ("", NEVER) else times.duration(after),
        archive=settings.retention_archive if retention.archive is None else retention.archive,
        keys=None if keys == EVER else times.duration(keys),
    )
