"""Salesforce's errors: an HTTP status and a JSON array of messages."""

import json

from flask import Response


class SalesforceError(Exception):
    """A refused request; answered as `[{"message", "errorCode", "fields"}]`."""

    def __init__(self, code: str, message: str, status: int = 400, fields: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.fields = code, message, status, fields


def error_response(error: SalesforceError) -> Response:
    """The array body."""
    entry: dict[str, object] = {"message": error.message, "errorCode": error.code}
    if error.fields is not None:
        entry["fields"] = list(error.fields)
    return Response(json.dumps([entry]), status=error.status, content_type="application/json;charset=UTF-8")
