"""The one error that deciding raises."""


class IllegalInput(Exception):
    """An input that makes no sense for the instance as it is; nothing has changed.

    `code` is stable: ALREADY_STARTED, NOT_STARTED, UNKNOWN_ELEMENT, BUSINESS_KEY, NO_SUCH_STEP, NOT_OPEN, NO_INCIDENT,
    NEEDS_ANSWER, ENDED, PAST_PIVOT, ALREADY_STOPPING, MOVED, NO_SUCH_FLOW, BAD_OUTPUT, SUSPENDED,
    NOT_SUSPENDED, CANNOT_MIGRATE, NO_INPUT, NO_QUESTION.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
