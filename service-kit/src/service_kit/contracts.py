"""Reading the OpenAPI files in `openapi/`: references between files resolved, schemas as plain JSON Schema."""

from pathlib import Path
from typing import Any

import yaml

from service_kit.errors import KitError


class ContractError(KitError):
    """A contract file cannot be read or refers to something that is not there."""


class Contracts:
    """Reads files once and resolves their references. Not thread-safe; make one, read, drop it."""

    def __init__(self) -> None:
        self._files: dict[Path, Any] = {}

    def read(self, file: Path) -> dict[str, Any]:
        """The file's content, references untouched."""
        document = self._load(file)
        if not isinstance(document, dict):
            raise ContractError(f"{file}: must hold an object")
        return document

    def resolve(self, file: Path, value: Any) -> Any:
        """`value`, found in `file`, with every `$ref` replaced by what it names. Raises `ContractError`."""
        return self._resolve(file, value, ())

    def as_json_schema(self, schema: Any) -> Any:
        """An OpenAPI 3.0 schema in the words of JSON Schema 2020-12 (`nullable`, exclusive bounds)."""
        if isinstance(schema, list):
            return [self.as_json_schema(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        converted = {name: self.as_json_schema(value) for name, value in schema.items()}
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if isinstance(converted.get(exclusive), bool) and converted.pop(exclusive) and bound in converted:
                converted[exclusive] = converted.pop(bound)
        if converted.get("nullable") is True and isinstance(converted.get("type"), str):
            del converted["nullable"]
            converted["type"] = [converted["type"], "null"]
            if "enum" in converted:
                converted["enum"] = [*converted["enum"], None]
        return converted

    def _load(self, file: Path) -> Any:
        if file not in self._files:
            try:
                self._files[file] = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                raise ContractError(f"{file}: {error}") from error
        return self._files[file]

    def _resolve(self, file: Path, value: Any, within: tuple[tuple[Path, str], ...]) -> Any:
        if isinstance(value, list):
            return [self._resolve(file, item, within) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return {name: self._resolve(file, item, within) for name, item in value.items()}
        name, _, pointer = reference.partition("#")
        target = (file.parent / name).resolve() if name else file
        if (target, pointer) in within:
            raise ContractError(f"{file}: {reference} refers to itself")
        return self._resolve(target, self._find(target, pointer, reference), (*within, (target, pointer)))

    def _find(self, file: Path, pointer: str, reference: str) -> Any:
        value = self._load(file)
        for part in pointer.strip("/").split("/") if pointer else ():
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(value, dict) or key not in value:
                raise ContractError(f"{file}: nothing is at {reference}")
            value = value[key]
        return value
