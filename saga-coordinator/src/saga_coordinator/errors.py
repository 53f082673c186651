"""The errors of the coordinator.

CoordinatorError
├── InstanceNotFound
├── ProcessNotFound
└── Poison
"""


class CoordinatorError(Exception):
    """Something in the coordinator went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InstanceNotFound(CoordinatorError):
    """There is no such instance."""


class ProcessNotFound(CoordinatorError):
    """There is no such process, or not in this version."""


class Poison(CoordinatorError):
    """An input that nobody can handle."""
