"""The errors of the gateway.

GatewayError
+- KeyNotFound
+- KeyNameTaken
"""


class GatewayError(Exception):
    """Something in the gateway went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class KeyNotFound(GatewayError):
    """There is no such API key."""


class KeyNameTaken(GatewayError):
    """There is a valid API key of this name: revoke it first."""
