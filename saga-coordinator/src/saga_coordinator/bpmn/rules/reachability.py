"""Parts that no token can ever reach (BPMN 13.3.4: a level has a start event *or* parts that nothing leads to)."""

from saga_coordinator.bpmn.diagram import Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.rules.links import targets
from saga_coordinator.engine.process import Kind, Trigger


def check(diagram: Diagram, findings: Findings) -> None:
    """Every part can be reached from what begins its level. Not asked where flows are broken: they say it better."""
    if findings.has(Rule.DANGLING_FLOW, Rule.FLOW_CROSSES_BORDER):
        return
    for level in diagram.levels:
        begin = level.starts or level.implicit_starts
        if level.node.name == "adHocSubProcess" or not begin:
            continue
        reached = _reach(level, begin)
        for part in level.parts:
            if part not in reached and not _reported_otherwise(part):
                findings.add(Rule.UNREACHABLE, part.id, part.node.line, "no token can ever come here")


def _reach(level: Level, begin: list[Part]) -> set[Part]:
    reached: set[Part] = set()
    pending = [*begin, *(part for part in level.parts if part.is_for_compensation or part.is_event_sub_process)]
    while pending:
        part = pending.pop()
        if part in reached:
            continue
        reached.add(part)
        pending += [flow.target for flow in part.outgoing if flow.target.level is level]
        pending += part.boundary
        pending += part.handlers
        if part.kind is Kind.THROW_EVENT and part.trigger is Trigger.LINK:
            pending += targets(part)
    return reached


def _reported_otherwise(part: Part) -> bool:
    """Parts whose own rule says already what is missing."""
    if part.kind is Kind.BOUNDARY_EVENT:
        return part.host is None or part.level is not part.host.level
    if part.kind in {Kind.END_EVENT, Kind.THROW_EVENT}:
        return not part.incoming
    return part.kind is Kind.CATCH_EVENT and (part.trigger is Trigger.LINK or not part.incoming)
