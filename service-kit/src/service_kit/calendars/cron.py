"""Cron expressions: minute, hour, day of month, month, day of week (`0 8 * * MON-FRI`), in a time zone.

On days whose clock jumps they behave as Debian's cron: what falls into a missing hour is due right after it, and what
falls into a repeated one is due once.
"""

from cronsim import CronSim, CronSimError

from service_kit.calendars import wall_clock
from service_kit.calendars.errors import CalendarError

_FIELDS = 5


class Cron:
    """A cron expression in the time zone of that name. Raises `CalendarError` where either means nothing, or where the
    expression never comes true."""

    __slots__ = ("_zone", "expression")

    def __init__(self, expression: str, time_zone: str = "UTC") -> None:
        self.expression = " ".join(expression.split())
        self._zone = wall_clock.zone(time_zone)
        self.next(0)

    def next(self, after: int) -> int:
        """When it is due next after that moment (both ms). Raises `CalendarError` if never."""
        try:
            if len(self.expression.split()) != _FIELDS:
                raise CronSimError("it has not five fields")
            due = next(CronSim(self.expression, wall_clock.local(after, self._zone)))
        except CronSimError as error:
            raise CalendarError(f"{self.expression!r} is no cron expression: {error}") from error
        except StopIteration:
            raise CalendarError(f"{self.expression!r} never comes true") from None
        return round(due.timestamp() * 1000)


def is_cron(text: str) -> bool:
    """Whether the text has the form of a cron expression."""
    return len(text.split()) == _FIELDS
