"""The sandbox's own errors (not the vendors').

SandboxError
 |- BadSetting
 `- BadRequest      answered with 400 by the admin API
    `- UnknownDocument  answered with 404
"""


class SandboxError(Exception):
    """Something is wrong with the sandbox."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class BadSetting(SandboxError):
    """A setting cannot be used."""


class BadRequest(SandboxError):
    """A request to the admin API cannot be understood."""


class UnknownDocument(BadRequest):
    """There is no such document in the books."""
