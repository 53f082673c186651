"""What expressions of a decision see."""

from collections.abc import Mapping
from typing import Any

import msgspec

from saga_coordinator.dmn.failing import DecisionFailed
from saga_coordinator.engine.process import Expression


class Scene(msgspec.Struct, frozen=True):
    """The variables with the results of required decisions among them, and the caller's bindings (`now` in ms)."""

    data: Mapping[str, Any]
    bindings: Mapping[str, Any]

    def evaluate(self, expression: Expression, where: str, **more: Any) -> Any:
        """The value of an expression; undefined is None. Raises `DecisionFailed`, which says where."""
        try:
            return expression(self.data, {**self.bindings, **more})
        except DecisionFailed:
            raise
        except Exception as error:
            raise DecisionFailed(f"{where}: {expression.source}: {error}") from error
