"""Settings: one frozen dataclass per process, read once from the environment.

    @dataclass(frozen=True)
    class Settings:
        database_url: str            # DATABASE_URL, required
        threads: int = 8             # THREADS
        api_key: str | None = None   # API_KEY, or API_KEY_FILE: a file that holds it

    settings = read_settings(Settings, os.environ)

Every variable `X` may come as `X_FILE` instead, the name of a file with the value (a mounted secret). A field says its
variable's name by `metadata={"env": "NAME"}` where it is not its own in upper case. What has `repr=False` is a secret:
its value is in no message.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from service_kit.errors import KitError


class SettingsError(KitError):
    """The environment lacks settings or holds wrong ones. `missing` and `wrong` name them all."""

    def __init__(self, missing: list[str], wrong: list[str]) -> None:
        parts = ["not set: " + ", ".join(missing)] if missing else []
        super().__init__("; ".join([*parts, *wrong]))
        self.missing = missing
        self.wrong = wrong


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Dataclass)

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def read_settings(cls: type[T], environ: Mapping[str, str]) -> T:
    """An instance of the dataclass `cls`. Raises one `SettingsError` that names every key that is missing or wrong."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    missing: list[str] = []
    wrong: list[str] = []
    for field in dataclasses.fields(cls):
        key = str(field.metadata.get("env", field.name.upper()))
        try:
            text = _text(key, environ)
            if text is not None:
                values[field.name] = _parse(text, hints[field.name])
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                missing.append(key)
        except ValueError as error:
            wrong.append(f"{key} {error if field.repr else 'cannot be read'}")
    if missing or wrong:
        raise SettingsError(missing, wrong)
    return cls(**values)


def _text(key: str, environ: Mapping[str, str]) -> str | None:
    if environ.get(key):
        return environ[key]
    file = environ.get(f"{key}_FILE")
    if not file:
        return None
    try:
        return Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read from the file in {key}_FILE") from error


def _parse(text: str, kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _parse(text, next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return tuple(_parse(part.strip(), arguments[0]) for part in text.split(",") if part.strip())
    parse: Callable[[str], Any] = _boolean if kind is bool else kind
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"is {text!r}: expected {_described(kind)}") from error


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _described(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "one of " + ", ".join(kind)
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(
        kind, str(getattr(kind, "__name__", kind))
    )
