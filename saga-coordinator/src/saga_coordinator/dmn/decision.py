"""A decision with everything that it requires: what the engine calls."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from saga_coordinator.dmn import values
from saga_coordinator.dmn.failing import DecisionFailed
from saga_coordinator.dmn.scene import Scene
from saga_coordinator.dmn.values import BadValue, Kind
from saga_coordinator.engine.process import Expression


class Logic(Protocol):
    """How one decision is made."""

    def evaluate(self, scene: Scene) -> Any:
        """Its value. Raises `DecisionFailed`."""


class Formula(msgspec.Struct, frozen=True):
    """A literal expression."""

    expression: Expression
    kind: Kind | None = None

    def evaluate(self, scene: Scene) -> Any:
        """The expression's value, which has to be of the declared type."""
        value = scene.evaluate(self.expression, "its expression")
        try:
            values.typed(value, self.kind)
        except BadValue as error:
            raise DecisionFailed(f"its expression: {error}") from error
        return value


class Node(msgspec.Struct, frozen=True):
    """One decision of a requirement graph. `names` are those under which others see its value; `requires` are ids."""

    id: str
    names: tuple[str, ...]
    logic: Logic
    requires: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True):
    """A decision as an `Expression` of the engine. `nodes` are everything that it takes, what is required first and
    the decision itself last; each is evaluated once per call. `title` is its name in the file."""

    id: str
    nodes: tuple[Node, ...]
    title: str = ""

    @property
    def source(self) -> str:
        """How messages call it."""
        return f"decision {self.id}"

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """Evaluate over variables. Raises `DecisionFailed`, which names the decision at fault, the rules or columns."""
        variables: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        results: dict[str, Any] = {}
        known = {node.id: node for node in self.nodes}
        for node in self.nodes:
            required = {name: results[id_] for id_ in node.requires for name in known[id_].names}
            try:
                results[node.id] = node.logic.evaluate(Scene({**variables, **required}, dict(bindings or {})))
            except DecisionFailed as error:
                raise (error if node.id == self.id else DecisionFailed(f"decision {node.id}: {error}")) from error
        return results[self.id]
