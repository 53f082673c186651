"""Processes drawn in a few lines of Python, for tests that are about the engine and not about BPMN files."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from saga_coordinator.engine.process import (
    Body,
    Element,
    EventDefinition,
    Flow,
    Kind,
    Operation,
    Process,
    Retry,
    StepClass,
    Task,
    TimerDefinition,
    TimerKind,
    Trigger,
    Undo,
)
from saga_coordinator.engine.reaching import upstream


class Formula:
    """An expression made of a Python callable on the data."""

    def __init__(self, function: Callable[[Any], Any], source: str = "formula") -> None:
        self.function = function
        self.source = source

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """Apply the callable."""
        return self.function(data)


def operation(name: str, *, undo: bool = True, **changes: Any) -> Operation:
    """A create with probe whose undo is `<name>-undo`, taking the whole output; `changes` are `Operation` fields."""
    declared = Undo(operation=Operation(name=f"{name}-undo", system="sys", safe_to_repeat=True)) if undo else None
    return msgspec.structs.replace(Operation(name=name, system="sys", probe=True, undo=declared), **changes)


class Drawing:
    """Collects elements and flows; `process()` closes it. Elements belong to `inside` (a sub-process id)."""

    def __init__(self, id_: str = "p") -> None:
        self.id = id_
        self._elements: list[dict[str, Any]] = []
        self._flows: list[Flow] = []

    def add(self, kind: Kind, id_: str, *, inside: str = "", **fields: Any) -> "Drawing":
        """A flow node."""
        self._elements.append({"id": id_, "kind": kind, "parent": inside or self.id, **fields})
        return self

    def start(self, id_: str = "start", **fields: Any) -> "Drawing":
        """A none start event."""
        return self.add(Kind.START_EVENT, id_, **fields)

    def end(
        self, id_: str = "end", trigger: Trigger = Trigger.NONE, code: str | None = None, **fields: Any
    ) -> "Drawing":
        """An end event."""
        return self.add(Kind.END_EVENT, id_, event=EventDefinition(trigger=trigger, code=code), **fields)

    def service(
        self,
        id_: str,
        *,
        step_class: StepClass = StepClass.COMPENSATABLE,
        retry: Retry | None = None,
        op: Operation | None = None,
        outputs: tuple[Any, ...] = (),
        **fields: Any,
    ) -> "Drawing":
        """A service task with operation `sys.<id>` that can be probed and undone."""
        task = Task(
            operation=op or operation(f"sys.{id_}"), step_class=step_class, retry=retry or Retry(), outputs=outputs
        )
        return self.add(Kind.SERVICE_TASK, id_, task=task, **fields)

    def boundary(
        self, id_: str, on: str, event: EventDefinition, *, interrupting: bool = True, **fields: Any
    ) -> "Drawing":
        """A boundary event."""
        return self.add(Kind.BOUNDARY_EVENT, id_, event=event, attached_to=on, interrupting=interrupting, **fields)

    def flow(self, *path: str, when: Callable[[Any], Any] | None = None) -> "Drawing":
        """Sequence flows along the path, each named `source>target`; `when` is a condition on all of them."""
        for source, target in pairwise(path):
            condition = Formula(when) if when else None
            self._flows.append(Flow(id=f"{source}>{target}", source=source, target=target, condition=condition))
        return self

    def process(self, version: int = 1) -> Process:
        """The finished process."""
        elements = {e["id"]: self._element(e) for e in self._elements}
        joins = [e.id for e in elements.values() if e.kind is Kind.INCLUSIVE_GATEWAY and len(e.incoming) > 1]
        for join in joins:
            elements[join] = msgspec.structs.replace(
                elements[join], upstream=self._upstream(join, True), direct=self._upstream(join, False)
            )
        return Process(
            id=self.id,
            version=version,
            elements=elements,
            flows={flow.id: flow for flow in self._flows},
            body=self._body(self.id),
            joins=tuple(joins),
        )

    def _upstream(self, gateway: str, events: bool) -> tuple[frozenset[str], ...]:
        following: dict[str, list[str]] = {e["id"]: [] for e in self._elements}
        for flow in self._flows:
            following[flow.source].append(flow.target)
        for element in self._elements:
            if events and element.get("attached_to"):
                following[element["attached_to"]].append(element["id"])
        return upstream(gateway, [flow.source for flow in self._flows if flow.target == gateway], following)

    def _element(self, fields: dict[str, Any]) -> Element:
        id_ = fields["id"]
        boundary = tuple(e["id"] for e in self._elements if e.get("attached_to") == id_)
        body = self._body(id_) if fields["kind"] in (Kind.SUB_PROCESS, Kind.TRANSACTION) else None
        return Element(
            incoming=tuple(flow.id for flow in self._flows if flow.target == id_),
            outgoing=tuple(flow.id for flow in self._flows if flow.source == id_),
            boundary=boundary,
            body=body,
            **fields,
        )

    def _body(self, parent: str) -> Body:
        inside = [e for e in self._elements if e["parent"] == parent]
        return Body(
            elements=tuple(e["id"] for e in inside),
            starts=tuple(e["id"] for e in inside if e["kind"] is Kind.START_EVENT),
            listeners=tuple(
                e["id"]
                for e in self._elements
                if e["kind"] is Kind.START_EVENT and any(s["id"] == e["parent"] and s.get("by_event") for s in inside)
            ),
        )


def timer(text: str, kind: TimerKind = TimerKind.DURATION) -> EventDefinition:
    """A timer event definition."""
    return EventDefinition(trigger=Trigger.TIMER, timer=TimerDefinition(kind=kind, text=text))


def message(name: str, key: str = "") -> EventDefinition:
    """A message event definition whose correlation key is the variable `key` (the business key where empty)."""
    correlation = Formula(lambda data: data.get(key), key) if key else None
    return EventDefinition(trigger=Trigger.MESSAGE, name=name, correlation=correlation)


def error(code: str | None = None) -> EventDefinition:
    """An error event definition."""
    return EventDefinition(trigger=Trigger.ERROR, code=code)


def line(*tasks: str, id_: str = "p") -> Process:
    """start -> service tasks -> end."""
    drawing = Drawing(id_).start()
    for task in tasks:
        drawing.service(task)
    return drawing.end().flow("start", *tasks, "end").process()
