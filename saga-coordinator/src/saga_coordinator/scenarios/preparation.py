"""A process made ready for one scenario: held activities wait, choices replace conditions."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from saga_coordinator.engine.process import Element, Expression, Flow, Iteration, Kind, Loop, Process, Task, Unevaluable
from saga_coordinator.scenarios.language import BadScenario, Scenario
from saga_coordinator.scenarios.run import BY_THEMSELVES

_SPLITS = {Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY}


class Choice:
    """What a scenario chooses at one split, visit by visit. Conditions are asked in file order: the first of them
    begins a visit."""

    def __init__(self, gateway: str, visits: list[list[str]]) -> None:
        self.gateway = gateway
        self._visits = iter(visits)
        self._now: list[str] | None = None

    def begin(self) -> None:
        """A token has come."""
        self._now = next(self._visits, None)

    def takes(self, flow: str) -> bool | None:
        """Whether this visit's token goes along the flow; None: the scenario says nothing (any more)."""
        return None if self._now is None else flow in self._now


class Chosen:
    """A flow's condition as the scenario chooses it; for further visits, as the diagram has it."""

    def __init__(self, choice: Choice, flow: Flow, *, first: bool, decided: bool) -> None:
        self.source = f"chosen: {flow.id}"
        self._choice, self._flow, self._first, self._decided = choice, flow, first, decided

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """Whether the flow is taken on this visit. Raises `Unevaluable` where nothing says it."""
        if self._first:
            self._choice.begin()
        chosen = self._choice.takes(self._flow.id)
        if chosen is not None:
            return chosen
        if self._flow.condition is not None:
            return self._flow.condition(data, bindings)
        if not self._decided:
            raise Unevaluable(f"nothing is chosen for this visit of {self._choice.gateway}")
        return True


class Fallback:
    """What the diagram says, or, where that cannot be evaluated here, what the scenario says."""

    def __init__(self, own: Expression | None, fits: Callable[[Any], bool], otherwise: Callable[[Any], Any]) -> None:
        self.source = own.source if own is not None else "items"
        self._own, self._fits, self._otherwise = own, fits, otherwise

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """The diagram's value if it makes sense."""
        try:
            value = self._own(data, bindings) if self._own is not None else None
        except Exception:  # whatever it is that keeps it from being evaluated
            value = None
        return value if self._fits(value) else self._otherwise(data)


def prepare(process: Process, scenario: Scenario) -> Process:
    """The process as the scenario's engine sees it."""
    answered = scenario.answered_as_system
    elements = {
        id_: _held(element) if _waits(element, scenario, answered) else element
        for id_, element in process.elements.items()
    }
    for activity, count in scenario.items.items():
        if activity in elements and elements[activity].loop is not None:
            elements[activity] = _counted(elements[activity], count)
    flows = dict(process.flows)
    for gateway, visits in scenario.choices.items():
        if gateway in elements:
            _check_flows(elements[gateway], visits)
            flows.update(_chosen(elements[gateway], flows, Choice(gateway, visits)))
    return msgspec.structs.replace(process, elements=elements, flows=flows)


def _check_flows(split: Element, visits: list[list[str]]) -> None:
    """Raises `BadScenario` where a flow is chosen that does not leave the split."""
    unknown = {flow for visit in visits for flow in visit} - set(split.outgoing)
    if unknown:
        there = ", ".join(split.outgoing) or "none"
        raise BadScenario(f"choices: {split.id} has no outgoing flow {', '.join(sorted(unknown))}; it has {there}")


def _waits(element: Element, scenario: Scenario, answered: frozenset[str]) -> bool:
    if element.kind is Kind.BUSINESS_RULE_TASK and element.task is not None and element.task.decision is not None:
        return scenario.holds(element.id) or element.id in scenario.answered
    if element.kind in BY_THEMSELVES:
        return scenario.holds(element.id) or element.id in answered
    return element.kind is Kind.USER_TASK and element.id in answered


def _held(element: Element) -> Element:
    """A step that waits for an answer, and that every outcome can be given: a service task without an operation."""
    task = element.task or Task()
    return msgspec.structs.replace(element, kind=Kind.SERVICE_TASK, task=msgspec.structs.replace(task, operation=None))


def _counted(element: Element, count: int) -> Element:
    """The activity with as many items as the scenario says, where the diagram's own expression says nothing."""
    loop = element.loop or Loop(iteration=Iteration.LOOP)
    if loop.iteration is Iteration.LOOP:
        condition = Fallback(loop.condition, _is_bool, lambda data: data["loopCounter"] < count)
        return msgspec.structs.replace(element, loop=msgspec.structs.replace(loop, condition=condition))
    if loop.collection is not None:
        collection = Fallback(loop.collection, _is_list, lambda data: list(range(1, count + 1)))
        return msgspec.structs.replace(element, loop=msgspec.structs.replace(loop, collection=collection))
    cardinality = Fallback(loop.cardinality, _is_count, lambda data: count)
    return msgspec.structs.replace(element, loop=msgspec.structs.replace(loop, cardinality=cardinality))


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _chosen(gateway: Element, flows: dict[str, Flow], choice: Choice) -> dict[str, Flow]:
    asked = [flows[flow] for flow in gateway.outgoing if flow != gateway.default]
    decided = gateway.kind not in _SPLITS or any(flow.condition is not None for flow in asked)
    return {
        flow.id: msgspec.structs.replace(flow, condition=Chosen(choice, flow, first=flow is asked[0], decided=decided))
        for flow in asked
    }
