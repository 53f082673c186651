"""Decision tables, ready to be evaluated."""

from collections.abc import Iterator
from typing import Any

import msgspec

from saga_coordinator.dmn import hits, values
from saga_coordinator.dmn.failing import DecisionFailed
from saga_coordinator.dmn.hits import Hit, Policy
from saga_coordinator.dmn.scene import Scene
from saga_coordinator.dmn.unary import Test
from saga_coordinator.dmn.values import BadValue, Kind
from saga_coordinator.engine.process import Expression


class Input(msgspec.Struct, frozen=True):
    """An input column. `allowed` are the values that it may have besides null."""

    label: str
    expression: Expression
    kind: Kind | None = None
    allowed: Test | None = None

    def value(self, scene: Scene) -> Any:
        """What the rules' cells are asked about. Raises `DecisionFailed`."""
        where = f"input {self.label}"
        found = scene.evaluate(self.expression, where)
        try:
            value = values.typed(found, self.kind)
        except BadValue as error:
            raise DecisionFailed(f"{where}: {error}") from error
        if value is not None and self.allowed is not None and not self.allowed.holds(value, scene):
            raise DecisionFailed(f"{where}: {found!r} is not one of the values that the table allows")
        return value


class Output(msgspec.Struct, frozen=True):
    """An output column. `allowed` as for inputs; `ranking` are the same values in order of priority, as JSON."""

    name: str
    kind: Kind | None = None
    allowed: Test | None = None
    ranking: tuple[Any, ...] = ()
    default: Expression | None = None

    def checked(self, value: Any, scene: Scene, where: str) -> Any:
        """The value if the column may hold it. Raises `DecisionFailed`."""
        try:
            found = values.typed(value, self.kind)
        except BadValue as error:
            raise DecisionFailed(f"{where}, output {self.name}: {error}") from error
        if found is not None and self.allowed is not None and not self.allowed.holds(found, scene):
            raise DecisionFailed(f"{where}, output {self.name}: {value!r} is not one of the column's output values")
        return value


class Rule(msgspec.Struct, frozen=True):
    """A row; `number` counts from 1."""

    number: int
    tests: tuple[Test, ...]
    outputs: tuple[Expression, ...]


class Satisfied(msgspec.Struct, frozen=True):
    """An input cell that is a JSONata expression: it holds where it gives true. `$input` is the input's value."""

    expression: Expression
    where: str

    def holds(self, value: Any, scene: Scene) -> bool:
        """Evaluate; nothing counts as false. Raises `DecisionFailed` where it is neither true nor false."""
        found = scene.evaluate(self.expression, self.where, input=values.plain(value))
        if found is not None and not isinstance(found, bool):
            raise DecisionFailed(f"{self.where}: {self.expression.source}: {found!r} is neither true nor false")
        return bool(found)


class Table(msgspec.Struct, frozen=True):
    """A decision table. One output column gives its value, several give an object by their names."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    policy: Policy
    aggregation: str = ""

    def evaluate(self, scene: Scene) -> Any:
        """The decision's value. Raises `DecisionFailed`."""
        found = list(self._hits(scene))
        if not found and any(output.default is not None for output in self.outputs):
            return self._hit(0, tuple(output.default or Nothing() for output in self.outputs), scene).value
        rankings = tuple(output.ranking for output in self.outputs)
        return hits.POLICIES[self.policy](hits.Found(found, rankings, self.aggregation))

    def _hits(self, scene: Scene) -> Iterator[Hit]:
        given = [column.value(scene) for column in self.inputs]
        for rule in self.rules:
            if all(test.holds(value, scene) for test, value in zip(rule.tests, given, strict=True)):
                yield self._hit(rule.number, rule.outputs, scene)
                if self.policy is Policy.FIRST:
                    return

    def _hit(self, number: int, entries: tuple[Expression, ...], scene: Scene) -> Hit:
        where = f"rule {number}" if number else "the default"
        cells = tuple(
            column.checked(scene.evaluate(entry, f"{where}, output {column.name}"), scene, where)
            for column, entry in zip(self.outputs, entries, strict=True)
        )
        if len(cells) == 1:
            return Hit(number, cells, cells[0])
        return Hit(number, cells, {column.name: cell for column, cell in zip(self.outputs, cells, strict=True)})


NOWHERE = Scene({}, {})  # for tests that look at no variables


class Nothing(msgspec.Struct, frozen=True):
    """An empty output cell."""

    source: str = ""

    def __call__(self, data: Any, bindings: Any = None) -> None:
        """Null."""
