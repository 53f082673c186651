"""Periods in settings and diagrams: ISO 8601 durations, or a word."""

from saga_coordinator.engine import times

NEVER = "never"
EVER = "ever"


def is_period(text: str, *words: str) -> bool:
    """Whether it is a duration that is not negative, or one of these words."""
    if text in words:
        return True
    try:
        length = times.duration(text)
    except times.BadTime:
        return False
    return length.months >= 0 and length.ms >= 0
