"""Expressions that no compiler made: constants, and those that only another installation could evaluate."""

from collections.abc import Mapping
from typing import Any

import msgspec

from saga_coordinator.engine.process import Unevaluable


class Constant(msgspec.Struct, frozen=True):
    """Always its own text."""

    source: str

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> str:
        """The text."""
        return self.source


class Foreign(msgspec.Struct, frozen=True):
    """An expression in a language that is not spoken here: asking for its value raises `Unevaluable`."""

    source: str

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """Raises `Unevaluable`."""
        raise Unevaluable(self.source)
