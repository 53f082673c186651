"""Values of the CRM: checked on the way in, written in Salesforce's forms on the way out."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sandbox.clock import moment
from sandbox.crm.errors import SalesforceError
from sandbox.crm.schema import STATUS_CATEGORIES, Field, SObject, Type, long_id

Record = dict[str, Any]


def checked(sobject: SObject, body: Any, access: str) -> Record:
    """The fields of a request body; raises `SalesforceError`."""
    if not isinstance(body, Mapping):
        raise SalesforceError("JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object")
    fields = {name: value for name, value in body.items() if name != "attributes"}
    for name in fields:
        if name not in sobject.fields:
            raise SalesforceError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
        if access not in sobject.fields[name].access:
            message = f"Unable to create/update fields: {name}. Please check the security settings of this field."
            raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=(name,))
    return {name: _value(name, sobject.fields[name], value) for name, value in fields.items()}


def require(sobject: SObject, record: Record) -> None:
    """Refuses a new record that lacks required fields."""
    if missing := tuple(name for name in sobject.required if record.get(name) in (None, "")):
        names = ", ".join(missing)
        raise SalesforceError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{names}]", fields=missing)


def _value(name: str, field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.type is Type.NUMBER:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _bad_type(name, field, value)
        return value
    if not isinstance(value, str):
        raise _bad_type(name, field, value)
    if field.type is Type.DATE:
        return _date(name, field, value)
    if field.type is Type.PICKLIST and value not in STATUS_CATEGORIES:
        message = f"{name}: bad value for restricted picklist field: {value}"
        raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=(name,))
    if len(value) > field.length:
        message = f"{name}: data value too large: {value[:40]} (max length={field.length})"
        raise SalesforceError("STRING_TOO_LONG", message, fields=(name,))
    return long_id(value) if field.type is Type.ID else value


def _date(name: str, field: Field, value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise _bad_type(name, field, value) from None


def _bad_type(name: str, field: Field, value: Any) -> SalesforceError:
    message = f"Cannot deserialize instance of {field.type.value} from value {value!r} for field {name}"
    return SalesforceError("JSON_PARSER_ERROR", message)


def render(sobject: SObject, name: str, value: Any) -> Any:
    """A value as the API writes it; date-times are kept as milliseconds."""
    if sobject.fields[name].type is Type.DATETIME and value is not None:
        return moment(value).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03d}+0000"
    return value
