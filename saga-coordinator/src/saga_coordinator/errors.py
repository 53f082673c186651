"""The errors of the coordinator.

CoordinatorError
├── InstanceNotFound
│   └── InstancePurged
├── ProcessNotFound
├── DecisionNotFound
├── AlreadySuspended
├── NotSuspended
├── Poison
├── SecretsUnreadable
│   └── SecretsForgotten
└── WrongSecretsKey
"""


class CoordinatorError(Exception):
    """Something in the coordinator went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InstanceNotFound(CoordinatorError):
    """There is no such instance."""


class InstancePurged(InstanceNotFound):
    """The instance has been purged."""

    code = "PURGED"


class ProcessNotFound(CoordinatorError):
    """There is no such process, or not in this version."""


class DecisionNotFound(CoordinatorError):
    """There is no such decision, or not in this version."""


class AlreadySuspended(CoordinatorError):
    """It is suspended already."""

    code = "SUSPENDED"


class NotSuspended(CoordinatorError):
    """It is not suspended."""

    code = "NOT_SUSPENDED"


class Poison(CoordinatorError):
    """An input that nobody can handle."""


class SecretsUnreadable(CoordinatorError):
    """A sealed value cannot be opened."""


class SecretsForgotten(SecretsUnreadable):
    """The key of the instance was destroyed."""


class WrongSecretsKey(CoordinatorError):
    """The master key is not the one that the store was written with."""
