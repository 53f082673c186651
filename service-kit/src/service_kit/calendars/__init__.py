"""Working calendars and cron: when people work, and when something is due.

    factory = load(Path("calendars.yaml"))["factory"]
    factory.add(now, "P1DT2H")     one working day and two hours of working time later
    Cron("0 8 * * MON-FRI", "Asia/Shanghai").next(now)

Moments are ms since the epoch. `docs/calendars.md` describes the file.

    KitError
      CalendarError       a calendars file or a cron expression that says something wrong
      NoWorkingTime       nobody works for years
"""

from service_kit.calendars.cron import Cron, is_cron
from service_kit.calendars.errors import CalendarError, NoWorkingTime
from service_kit.calendars.file import load, read
from service_kit.calendars.working import Calendar

__all__ = ["Calendar", "CalendarError", "Cron", "NoWorkingTime", "is_cron", "load", "read"]
