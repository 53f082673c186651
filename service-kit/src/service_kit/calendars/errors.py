"""What goes wrong with calendars."""

from service_kit.errors import KitError


class CalendarError(KitError, ValueError):
    """The calendars file, a working duration or a cron expression says something that means nothing."""


class NoWorkingTime(KitError, ValueError):
    """The calendar has no working time within ten years: the duration is too long, or everything is closed."""
