"""Strict validation of bodies and parameters: every answer names the field.

Beside the contract's schema, a JSON body is refused for what would not survive the way through the hub: integers
beyond 2^53 (JSONata and JavaScript lose their digits: send them as strings), numbers that are not finite, NUL
characters (PostgreSQL stores none) and half surrogate pairs (UTF-8 has none).
"""

import json
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from itertools import islice
from typing import Any

from connexion.datastructures import MediaTypeDict
from connexion.json_schema import Draft4RequestValidator
from connexion.validators import AbstractRequestBodyValidator, ParameterValidator
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match
from starlette.datastructures import MutableHeaders
from starlette.types import Receive, Scope

from service_kit.http.problems import BadRequest, FieldError, field_problem

LARGEST_INTEGER = 2**53
MOST_ERRORS = 20
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_QUOTED = re.compile(r"'([^']*)'")


def parse_json(body: bytes) -> Any:
    """The value of a JSON body. Raises `BadRequest`, naming the field where there is one."""
    try:
        value = json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    except (RecursionError, ValueError) as error:
        raise BadRequest("The body is nested too deep, or a number in it has too many digits.") from error
    refuse_unstorable(value)
    return value


def refuse_unstorable(value: Any) -> None:
    """Raises `BadRequest` naming the first field whose value could not be kept as it is."""
    for path, message in _unstorable(value, ()):
        raise field_problem(_dotted(path), message)


def _unstorable(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _unstorable(key, path)
                yield from _unstorable(item, (*path, key))
        case list():
            for index, item in enumerate(value):
                yield from _unstorable(item, (*path, index))
        case str() if _UNSTORABLE.search(value):
            yield path, "has a NUL character or half a surrogate pair"
        case int() if abs(value) > LARGEST_INTEGER:
            yield path, "is an integer beyond 2^53, send it as a string"
        case float() if value != value or abs(value) == float("inf"):
            yield path, "is not a finite number"


class Body(AbstractRequestBodyValidator):  # type: ignore[misc]
    """Connexion's hook for bodies of any kind: there is one where there must be."""

    assumed = "application/octet-stream"

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Check the body and hand it on."""
        message = await receive()  # the edge has read it: one message
        body = message.get("body", b"")
        if body:
            self.check(body)
        elif self._required:
            raise BadRequest("This needs a body.", errors=[FieldError("", "is missing")])

        async def replay() -> Any:
            return message

        return replay, _with_content_type(scope, self.assumed)

    def check(self, body: bytes) -> None:
        """Nothing is known about the inside of this one."""

    async def _parse(self, stream: AsyncGenerator[bytes, None], scope: Scope) -> Any:
        raise NotImplementedError("wrap_receive does all of it")


class JsonBody(Body):
    """Connexion's hook for bodies in JSON."""

    assumed = "application/json"

    def check(self, body: bytes) -> None:
        """Raises `BadRequest`, naming the fields."""
        value = parse_json(body)
        if value is None and self._nullable:
            return
        validator = Draft4RequestValidator(self._schema, format_checker=Draft4Validator.FORMAT_CHECKER)
        errors = [_field_error(_deepest(error)) for error in islice(validator.iter_errors(value), MOST_ERRORS)]
        if errors:
            told = "; ".join(f"{error.field or 'the body'}: {error.message}" for error in errors[:3])
            raise BadRequest(told, errors=errors)


def _with_content_type(scope: Scope, assumed: str) -> Scope:
    changed = {**scope, "headers": list(scope["headers"])}
    MutableHeaders(scope=changed).setdefault("content-type", assumed)
    return changed


def _deepest(error: ValidationError) -> ValidationError:
    return best_match([error]) if error.context else error


def _field_error(error: ValidationError) -> FieldError:
    path = list(error.absolute_path)
    if error.validator == "required" and (missing := _QUOTED.search(error.message)):
        return FieldError(_dotted([*path, missing[1]]), "is required")
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        extra = [str(name) for name in error.instance if name not in known]
        return FieldError(_dotted([*path, *extra[:1]]), "is not a field of this")
    return FieldError(_dotted(path), error.message[:200])


def _dotted(path: Any) -> str:
    return ".".join(str(part) for part in path)


class Parameters(ParameterValidator):  # type: ignore[misc]
    """Connexion's hook for parameters: says which one, in one line."""

    def validate_request(self, request: Any) -> None:
        """Check all parameters; refuse unknown ones in the query."""
        known = {parameter["name"] for parameter in self.parameters.get("query", [])}
        for name in request.query_params:
            if self.strict_validation and name not in known:
                raise field_problem(str(name), "is not a parameter of this")
        for name, value in [*request.query_params.items(), *request.path_params.items()]:
            if isinstance(value, str) and _UNSTORABLE.search(value):
                raise field_problem(str(name), "has a NUL character or half a surrogate pair")
        super().validate_request(request)

    @staticmethod
    def validate_parameter(parameter_type: str, value: Any, param: Mapping[str, Any], param_name: Any = None) -> None:
        """Check one parameter. Raises `BadRequest` naming it."""
        name = param["name"]
        if value is None:
            if param.get("required"):
                raise field_problem(name, f"is a {parameter_type} parameter that must be given")
            return
        schema = param.get("schema", {})
        error = best_match(Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).iter_errors(value))
        if error is not None:
            raise field_problem(name, error.message[:200])


BODIES = {"*/*json": JsonBody, "application/xml": Body, "text/xml": Body}
VALIDATORS = {"parameter": Parameters, "body": MediaTypeDict(BODIES)}
