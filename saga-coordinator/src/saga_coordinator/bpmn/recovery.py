"""The pivot rules of recovery: before a pivot every create has an undo; after it, and beside it, every step is
retriable or reads.

Order is read from a graph in which every part has an entry and an exit, and sub-processes are opened up.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from itertools import permutations

from saga_coordinator.bpmn.diagram import Diagram, FlowPart, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.rules.flows import condition_of, default_of
from saga_coordinator.bpmn.tasks import drawn_handler
from saga_coordinator.engine.process import Kind, StepClass, Task, Trigger

Place = tuple[Part, bool]  # (part, False) is its entry, (part, True) its exit
_EXCLUSIVE = {Kind.EXCLUSIVE_GATEWAY, Kind.EVENT_GATEWAY}
_SAFE_AFTER = {StepClass.RETRIABLE, StepClass.READ}


def check(diagram: Diagram, tasks: Mapping[str, Task], known: Container[str], findings: Findings) -> None:
    """Judge every task with an operation against every pivot. `tasks` by element id; only of the `known` elements
    is it certain what undoes them."""
    pivots = [part for part in diagram.parts.values() if _class(part, tasks) is StepClass.PIVOT]
    if not pivots:
        return
    graph = _graph(diagram)
    beside = _concurrent(diagram, graph)
    steps = [part for part in diagram.parts.values() if part.id in tasks and tasks[part.id].operation is not None]
    for pivot in pivots:
        after = _reach(graph, [(pivot, True)])
        for step in steps:
            if step is pivot or step.is_for_compensation:
                continue
            if step.id in known and (pivot, False) in _reach(graph, [(step, True)]):
                _check_before(step, pivot, tasks[step.id], findings)
            if ((step, False) in after or (step, pivot) in beside) and tasks[step.id].step_class not in _SAFE_AFTER:
                where = "after" if (step, False) in after else "beside"
                findings.add(
                    Rule.NOT_RETRIABLE_AFTER_PIVOT,
                    step.id,
                    step.node.line,
                    f"{where} the pivot {pivot.id} every step is of class retriable or read",
                )


def _class(part: Part, tasks: Mapping[str, Task]) -> StepClass | None:
    return tasks[part.id].step_class if part.id in tasks and not part.is_for_compensation else None


def _check_before(step: Part, pivot: Part, task: Task, findings: Findings) -> None:
    operation = task.operation
    if operation is None or operation.safe_to_repeat or task.step_class in {StepClass.READ, StepClass.PIVOT}:
        return
    undoable = task.step_class is StepClass.COMPENSATABLE and (task.undo or drawn_handler(step) is not None)
    if not undoable:
        findings.add(
            Rule.MISSING_UNDO_BEFORE_PIVOT,
            step.id,
            step.node.line,
            f"{operation.name} creates something before the pivot {pivot.id} and nothing undoes it",
        )


def _graph(diagram: Diagram) -> dict[Place, list[Place]]:
    graph: dict[Place, list[Place]] = defaultdict(list)
    for level in diagram.levels:
        for part in level.parts:
            if part.inside is None:
                graph[(part, False)].append((part, True))
            graph[(part, True)] += [(flow.target, False) for flow in part.outgoing]
            for event in part.boundary:
                for place in _inner_entries(part):
                    graph[place].append((event, False))
        _open_up(level, graph)
    return graph


def _open_up(level: Level, graph: dict[Place, list[Place]]) -> None:
    owner = level.owner
    if owner is None:
        return
    for start in level.starts or level.implicit_starts:
        graph[(owner, False)].append((start, False))
    for part in level.parts:
        if not part.outgoing:
            graph[(part, True)].append((owner, True))
    if not level.parts:
        graph[(owner, False)].append((owner, True))


def _inner_entries(part: Part) -> list[Place]:
    """Where a boundary event of the part can strike: its entry, and for a sub-process everything inside."""
    if part.inside is None:
        return [(part, False)]
    return [place for inner in part.inside.parts for place in _inner_entries(inner)] or [(part, False)]


def _reach(graph: Mapping[Place, list[Place]], begin: Iterable[Place], without: Part | None = None) -> set[Place]:
    reached: set[Place] = set()
    pending = list(begin)
    while pending:
        place = pending.pop()
        if place in reached or place[0] is without:
            continue
        reached.add(place)
        pending += graph.get(place, [])
    return reached


def _concurrent(diagram: Diagram, graph: Mapping[Place, list[Place]]) -> set[tuple[Part, Part]]:
    """Pairs of parts that can be at work at the same time: on different branches of one split, before they meet."""
    pairs: set[tuple[Part, Part]] = set()
    for split, branches in _splits(diagram):
        reached = [{part for part, _ in _reach(graph, branch, without=split)} for branch in branches]
        for one, other in permutations(reached, 2):
            pairs |= {(first, second) for first in one - other for second in other - one}
    return pairs


def _splits(diagram: Diagram) -> list[tuple[Part | None, list[list[Place]]]]:
    splits: list[tuple[Part | None, list[list[Place]]]] = []
    for level in diagram.levels:
        if not level.starts and len(level.implicit_starts) > 1:
            splits.append((None, [[(part, False)] for part in level.implicit_starts]))
        for part in level.parts:
            branches = [] if part.kind in _EXCLUSIVE else _branches(part)
            if len(branches) > 1:
                splits.append((part, [[(flow.target, False)] for flow in branches]))
            for event in part.boundary:
                if not event.interrupting and event.trigger is not Trigger.COMPENSATE:
                    path: list[Place] = [(flow.target, False) for flow in event.outgoing]
                    splits.append((event, [path, _own_path(part)]))
    return splits


def _branches(part: Part) -> list[FlowPart]:
    """The flows that may be taken together: a default flow is taken only where no condition holds."""
    unconditional = [flow for flow in part.outgoing if condition_of(flow) is None and default_of(part) is not flow]
    return part.outgoing if unconditional else [flow for flow in part.outgoing if default_of(part) is not flow]


def _own_path(host: Part) -> list[Place]:
    """What goes on beside a non-interrupting event on the host."""
    inside = [(part, False) for part in host.inside.parts] if host.inside is not None else []
    return [(host, True), *inside]
