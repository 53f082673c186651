"""One turn: the facts that one input causes, decided on a fork of the state.

Everything that happens goes through `emit`, so that what is decided next sees what has just become true. Tokens run
first in, first out; outgoing flows in file order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolve import apply
from saga_coordinator.engine.paths import put
from saga_coordinator.engine.process import Element, Expression, FieldMapping, Process, Unevaluable
from saga_coordinator.engine.state import InstanceState, Parked, Step

MOST_MOVES = 20_000


class ExpressionFailed(Exception):
    """An expression of the process could not be evaluated: the step becomes an incident."""


class Token(msgspec.Struct, frozen=True):
    """A token on its way to `element` inside `scope`, or (None) the question whether the scope is finished."""

    scope: int
    element: str | None
    via: str | None = None


class Turn:
    """The draft of a decision: everybody reads `process`, `now` (ms) and `state` (the fork); only `emit` writes.
    `thinned` are scopes with event sub-processes that a step has left."""

    def __init__(self, process: Process, state: InstanceState, now: int, enter: Callable[["Turn", int], None]) -> None:
        self.process = process
        self.state = state
        self.now = now
        self.facts: list[f.Fact] = []
        self.moves = 0
        self.thinned: set[int] = set()
        self._enter = enter
        self._agenda: deque[Token] = deque()
        self._under_way: dict[int, int] = {}
        for token in state.parked:
            self._under_way[token.scope] = self._under_way.get(token.scope, 0) + 1

    # -- facts and ids

    def emit(self, fact: f.Fact) -> None:
        """Record that `fact` happened; it is true from now on."""
        self.facts.append(fact)
        apply(self.state, fact)

    def new_id(self) -> int:
        """The next id of a step, scope, timer or subscription; the fact that uses it advances the counter."""
        return self.state.counter + 1

    def element(self, step: Step) -> Element:
        """The flow node that the step is at."""
        return self.process.elements[step.element]

    def boundary(self, step: Step) -> tuple[str, ...]:
        """The boundary events of the step's activity; those of a multi-instance belong to it as a whole."""
        return () if step.item is not None or step.undoes is not None else self.element(step).boundary

    def around(self, step: Step) -> Iterator[Step]:
        """The step, and the steps of the sub-processes (and multi-instances) around it, innermost first."""
        current: Step | None = step
        while current is not None:
            yield current
            current = self.state.owner(current.scope)

    def is_undoing(self, step: Step) -> bool:
        """Whether the step is an undo, or stands inside a drawn undo handler."""
        current: Step | None = step
        while current is not None and current.undoes is None:
            current = self.state.owner(current.scope)
        return current is not None

    def items(self, scope: int) -> list[int]:
        """The scopes of the items that are at work in the scope of a multi-instance."""
        return [inner.id for inner in self.state.scopes.values() if inner.parent == scope and inner.item is not None]

    # -- tokens

    def send(self, flows: tuple[str, ...] | list[str], scope: int) -> None:
        """Put a token on each flow."""
        for flow in flows:
            self.start(self.process.flows[flow].target, scope, flow)

    def start(self, element: str, scope: int, via: str | None = None) -> None:
        """Put a token at the door of a flow node."""
        self._under_way[scope] = self._under_way.get(scope, 0) + 1
        self._agenda.append(Token(scope, element, via))

    def leave(self, step: int, flows: list[str]) -> None:
        """The step is over; its tokens go out along `flows`."""
        scope = self.state.steps[step].scope
        self.emit(f.Left(step=step, flows=flows))
        self.send(flows, scope)
        self.check(scope)

    def check(self, scope: int) -> None:
        """If nothing is left in the scope, ask (in turn) whether it is finished."""
        known = self.state.scopes.get(scope)
        if known is not None and known.empty and not self._under_way.get(scope):
            self._agenda.append(Token(scope, None))
        elif known is not None and known.listeners:
            self.thinned.add(scope)

    def withdraw(self, scope: int) -> None:
        """Take back the tokens that are on their way in the scope (it was interrupted)."""
        self._agenda = deque(token for token in self._agenda if token.scope != scope)
        self._under_way.pop(scope, None)
        if any(token.scope == scope for token in self.state.parked):
            self.emit(f.TokensDropped(scope=scope))

    def unpark(self, parked: Iterable[Parked]) -> None:
        """Put the tokens that were parked on their way again."""
        self._agenda.extend(Token(token.scope, token.element, token.via) for token in parked)

    def run(self, finish: Callable[["Turn", int], None]) -> None:
        """Let every token go as far as it can: `finish` gets the scope that is empty. In a suspended instance they are
        parked instead, and no scope is asked whether it is finished."""
        while self._agenda:
            token = self._agenda.popleft()
            if self.state.suspended:
                self._park(token)
                continue
            if token.element is None:
                self._ask(token.scope, finish)
                continue
            self._under_way[token.scope] -= 1
            self.enter(token.element, token.scope, token.via)

    def _park(self, token: Token) -> None:
        if token.element is not None:
            self.emit(f.TokenParked(element=token.element, scope=token.scope, via=token.via))

    def enter(self, element: str, scope: int, via: str | None = None, item: int | None = None) -> None:
        """A token arrives at a flow node (or begins one item of it): it does what that kind of node does."""
        self.moves += 1
        step = self.new_id()
        body = item is None and self.process.elements[element].loop is not None
        self.emit(f.Entered(step=step, element=element, scope=scope, via=via, item=item, body=body))
        self._enter(self, step)

    def _ask(self, scope: int, finish: Callable[["Turn", int], None]) -> None:
        known = self.state.scopes.get(scope)
        if known is not None and known.empty and not self._under_way.get(scope):
            finish(self, scope)

    # -- expressions

    def evaluate(self, expression: Expression, data: Any, **bindings: Any) -> Any:
        """The value of `expression` on `data`, with `$now` bound. Raises `ExpressionFailed` or `Unevaluable`."""
        try:
            return expression(data, {"now": self.now, **bindings})
        except Unevaluable:
            raise
        except Exception as error:
            raise ExpressionFailed(f"{expression.source}: {error}") from error

    def mapped(self, mappings: tuple[FieldMapping, ...], data: Any, **bindings: Any) -> Any:
        """What the mappings build from `data`. A source that finds nothing leaves its target out; what is mapped as the
        whole must be an object where anything else is put beside it. Raises `ExpressionFailed`."""
        built: Any = {}
        for mapping in mappings:
            value = self.evaluate(mapping.source, data, **bindings)
            if value is None:
                continue
            if mapping.target not in ("", "."):
                built = put(_object(built, mapping), mapping.target, value)
            elif built and isinstance(value, Mapping):
                built = {**_object(built, mapping), **value}
            elif built:
                raise ExpressionFailed(
                    f"{mapping.source.source}: no object, but other mappings want to stand beside it"
                )
            else:
                built = value
        return built

    def local(self, mappings: tuple[FieldMapping, ...], scope: int) -> dict[str, Any]:
        """The variables that mappings give to an inner scope. Raises `ExpressionFailed` where that is no object."""
        built = self.mapped(mappings, self.state.variables(scope))
        if not isinstance(built, Mapping):
            raise ExpressionFailed(f"{mappings[0].source.source}: variables are an object")
        return dict(built)

    def outputs(self, mappings: tuple[FieldMapping, ...], output: Any, scope: int) -> dict[str, Any]:
        """The top-level variables of `scope` that `output` changes. Unmapped output merges as it is (objects only).

        Raises `ExpressionFailed`.
        """
        if not mappings:
            return dict(output) if isinstance(output, Mapping) else {}
        visible = self.state.variables(scope)
        changed: dict[str, Any] = {}
        for mapping in mappings:
            value = self.evaluate(mapping.source, output, variables=visible)
            if mapping.target in ("", "."):
                changed |= value if isinstance(value, Mapping) else {}
                continue
            head = mapping.target.partition(".")[0]
            base = changed if head in changed else visible
            changed[head] = put({head: base[head]} if head in base else {}, mapping.target, value)[head]
        return changed

    def merge(self, scope: int, values: dict[str, Any]) -> None:
        """Set top-level variables of the scope."""
        if values:
            self.emit(f.VariablesMerged(scope=scope, values=values))


def _object(value: Any, mapping: FieldMapping) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ExpressionFailed(f"{mapping.source.source}: there is no object to put {mapping.target!r} into")
    return dict(value)
