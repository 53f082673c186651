"""Mappings between canonical documents and a vendor's fields: YAML files of JSONata, which a customer can override.

`mappings/<adapter>/<name>.yaml` in the connector's package; a file of the same path below `MAPPINGS_DIR` wins.

    description: canonical SalesOrder -> A_SalesOrder
    fields:                                     # objects and lists as they are, every text is JSONata
      SoldToParty: customer
      RequestedDeliveryDate: $date(requestedDeliveryDate)
      to_Item: '[lines.{"Material": product, "Unit": $lookup($tables.units, unit)}]'
    tables:                                     # code tables, here `$tables.units`; shared ones are in tables.yaml
      units: {C62: PCE}
    functions:                                  # JSONata functions, by name
      date: function($d) { $d & "T00:00:00" }

A field whose expression is undefined is left out. `value` (one expression for the whole document) may stand instead of
`fields`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from service_kit import expressions
from service_kit.errors import KitError

SHARED = "tables"


class MappingError(KitError):
    """A mapping file is missing or wrong; the message names the file and the field."""


class MappingFailed(KitError):
    """A mapping could not be applied to this document; the message names the mapping and the field."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    description: str = ""
    fields: dict[str, Any] | None = None
    value: str | None = None
    tables: dict[str, dict[str, Any]] = {}
    functions: dict[str, str] = {}


class _Mapping:
    def __init__(self, name: str, file: Path, shared: _File) -> None:
        content = _read(file)
        if (content.fields is None) == (content.value is None):
            raise MappingError(f"{file}: say either fields or value")
        self._name = name
        self._tables = {**shared.tables, **content.tables}
        self._prelude = "".join(f"${k} := {v}; " for k, v in {**shared.functions, **content.functions}.items())
        self._template = self._compile(content.value if content.fields is None else content.fields, str(file))

    def apply(self, document: Any, bindings: Mapping[str, Any]) -> Any:
        return self._render(self._template, document, {**bindings, "tables": self._tables}, "")

    def _compile(self, template: Any, where: str) -> Any:
        if isinstance(template, dict):
            return {name: self._compile(value, f"{where}: {name}") for name, value in template.items()}
        if isinstance(template, list):
            return [self._compile(value, f"{where}[{index}]") for index, value in enumerate(template)]
        if not isinstance(template, str):
            return template
        try:
            return expressions.compile(f"({self._prelude}{template})" if self._prelude else template)
        except expressions.ExpressionSyntaxError as error:
            raise MappingError(f"{where}: {error}") from error

    def _render(self, template: Any, document: Any, bindings: dict[str, Any], where: str) -> Any:
        if isinstance(template, expressions.Expression):
            try:
                return template(document, bindings)
            except expressions.ExpressionFailed as error:
                raise MappingFailed(f"{self._name}{where}: {error}") from error
        if isinstance(template, dict):
            rendered = {name: self._render(t, document, bindings, f"{where}.{name}") for name, t in template.items()}
            return {name: value for name, value in rendered.items() if value is not None}
        if isinstance(template, list):
            return [self._render(value, document, bindings, where) for value in template]
        return template


class Mappings:
    """The mappings of one adapter: all files are read and compiled here, so that a mistake is found at start."""

    def __init__(self, *folders: Path) -> None:
        """`folders` from the weakest to the strongest: a file in a later one replaces that of an earlier one."""
        files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}
        shared = _read(files.pop(SHARED)) if SHARED in files else _File()
        self._tables = dict(shared.tables)
        self._mappings = {name: _Mapping(name, file, shared) for name, file in files.items()}

    def apply(self, name: str, document: Any, **bindings: Any) -> Any:
        """Map `document` by the file `<name>.yaml`; `bindings` are `$variables`. Raises `MappingFailed`."""
        if name not in self._mappings:
            raise MappingError(f"there is no mapping {name}.yaml")
        return self._mappings[name].apply(document, bindings)

    def table(self, name: str) -> dict[str, Any]:
        """A code table of `tables.yaml`; empty where there is none."""
        return self._tables.get(name, {})


def _read(file: Path) -> _File:
    try:
        return msgspec.convert(yaml.load(file.read_text("utf-8"), yaml.CSafeLoader) or {}, _File)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise MappingError(f"{file}: {error}") from error
