"""What processes and sub-processes begin with (BPMN 10.5.2, 13.3.4), event sub-processes, loops, ad-hoc content."""

from saga_coordinator.bpmn.diagram import LOOPS, Diagram, Level, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.rules.events import EVENT_START
from saga_coordinator.engine.process import Kind, Trigger


def check(diagram: Diagram, findings: Findings) -> None:
    """Every level can begin, in one way that its kind allows."""
    for level in diagram.levels:
        if level.owner is not None and level.owner.is_event_sub_process:
            _check_event_sub_process(level, level.owner, findings)
        else:
            _check_beginning(diagram, level, findings)
            _check_sub_process(level, findings)
        if level.node.name == "adHocSubProcess":
            _check_ad_hoc(level, findings)
        for part in level.parts:
            _check_loop(part, findings)


def _check_beginning(diagram: Diagram, level: Level, findings: Findings) -> None:
    name = level.node.id or level.node.name
    if level.starts or level.node.name == "adHocSubProcess":
        return
    if level.of(Kind.END_EVENT):
        findings.add(Rule.NO_START_EVENT, name, level.node.line, "where there is an end event there is a start event")
    elif findings.has(Rule.DANGLING_FLOW, Rule.FLOW_CROSSES_BORDER):
        return
    elif not level.implicit_starts and (level.parts or (level.owner is None and not diagram.tolerant)):
        findings.add(Rule.NO_START_EVENT, name, level.node.line, "nothing in it can begin")


def _check_sub_process(level: Level, findings: Findings) -> None:
    if level.owner is None:
        return
    starts = level.of(Kind.START_EVENT)
    for start in starts:
        if start.definitions:
            findings.add(
                Rule.SUB_PROCESS_START,
                start.id,
                start.node.line,
                "an embedded sub-process begins with a none start event: its token comes from outside",
            )
    for start in starts[1:]:
        findings.add(Rule.MULTIPLE_START_EVENTS, start.id, start.node.line, "a sub-process has one start event at most")


def _check_event_sub_process(level: Level, owner: Part, findings: Findings) -> None:
    line = owner.node.line
    if owner.incoming or owner.outgoing:
        findings.add(Rule.EVENT_SUB_PROCESS_WITH_FLOW, owner.id, line, "an event sub-process has no sequence flows")
    starts = level.of(Kind.START_EVENT)
    if len(starts) != 1:
        findings.add(
            Rule.EVENT_SUB_PROCESS_START, owner.id, line, f"it has {len(starts)} start events, and needs exactly one"
        )
    for start in starts:
        wrong = [trigger for trigger, _ in start.definitions if trigger not in EVENT_START]
        if not start.definitions or wrong:
            what = f"a {wrong[0]} event" if wrong else "a none event"
            findings.add(
                Rule.EVENT_SUB_PROCESS_START, start.id, start.node.line, f"{what} cannot start an event sub-process"
            )
        if start.trigger in {Trigger.ERROR, Trigger.COMPENSATE} and not start.interrupting:
            message = f"a {start.trigger} event cannot be non-interrupting"
            findings.add(Rule.MUST_INTERRUPT, start.id, start.node.line, message)


def _check_ad_hoc(level: Level, findings: Findings) -> None:
    for part in level.of(Kind.START_EVENT, Kind.END_EVENT):
        findings.add(
            Rule.AD_HOC_CONTENT, part.id, part.node.line, f"an ad-hoc sub-process contains no {part.node.name}"
        )
    if not any(part.is_activity for part in level.parts):
        findings.add(Rule.AD_HOC_CONTENT, level.node.id, level.node.line, "an ad-hoc sub-process contains activities")


def _check_loop(part: Part, findings: Findings) -> None:
    loops = list(part.node.bpmn(*LOOPS))
    if len(loops) > 1:
        findings.add(
            Rule.LOOP_CHARACTERISTICS, part.id, loops[1].line, "an activity has one loop or multi-instance marker"
        )
    if loops and not part.is_activity:
        findings.add(Rule.LOOP_CHARACTERISTICS, part.id, loops[0].line, "only an activity can be repeated")
