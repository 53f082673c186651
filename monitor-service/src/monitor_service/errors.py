"""The errors of the monitor.

MonitorError
+- InstanceNotFound    the index does not have it (yet)
+- BadCursor           a cursor that no page gave
+- CoordinatorAway     the coordinator cannot be asked now
+- Overtaken           another monitor has written these instances meanwhile
+- Unreadable          a journal entry that is not one
"""


class MonitorError(Exception):
    """Something in the monitor went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InstanceNotFound(MonitorError):
    """There is no such instance, or nothing is known of it yet."""


class BadCursor(MonitorError):
    """The cursor was not given by a page of this search."""


class CoordinatorAway(MonitorError):
    """The coordinator cannot be asked now."""


class Overtaken(MonitorError):
    """Another monitor has written these instances meanwhile."""


class Unreadable(MonitorError):
    """This is not a journal entry."""
