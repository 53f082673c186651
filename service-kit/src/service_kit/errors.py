"""Base of the errors that service-kit raises."""


class KitError(Exception):
    """Something in service-kit went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())
