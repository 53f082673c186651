"""Time as the vendors write it. Everything inside is milliseconds since 1970, UTC."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def moment(ms: int) -> datetime:
    """The aware UTC datetime of a number of milliseconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def milliseconds(value: datetime) -> int:
    """The milliseconds of a datetime; a naive one is UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def iso(ms: int) -> str:
    """`2026-11-23T04:40:00.123Z`."""
    return moment(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
