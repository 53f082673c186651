"""One file per rule that breaks nothing else; the mark is in the line that the finding has to name."""

from collections.abc import Callable

import pytest

from saga_coordinator import bpmn
from saga_coordinator.testing.files import HERE, around, chain, file, flow, line_of, process

Lint = Callable[[bytes], list[bpmn.Finding]]

TASK = '<task id="a"/>'
TIMER = "<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>"
MESSAGE = '<messageEventDefinition messageRef="m1"/>'
KEY = '<extensionElements><tl:correlation key="x"/></extensionElements>'
PLAIN_START = '<startEvent id="sub-start"/>'
DATED = "<timeDate>2026-01-05</timeDate>"
ERROR = '<errorEventDefinition errorRef="e1"/>'
SIGNAL = '<signalEventDefinition signalRef="s1"/>'
EVENT_SUB = (
    '<subProcess id="sub" triggeredByEvent="true">{start}<endEvent id="sub-end"/>'
    '<sequenceFlow id="f" sourceRef="sub-start" targetRef="sub-end"/></subProcess>'
)
COMPENSABLE = (
    '<task id="a"/><boundaryEvent id="b" attachedToRef="a"><compensateEventDefinition/></boundaryEvent>'
    '<task id="undo" isForCompensation="true"/>'
)
HANDLER = '<task id="undo" isForCompensation="true"/>'
LINK = '<association id="as" sourceRef="b" targetRef="undo"/>'


def event_gateway(*targets: str, gateway: str = '<eventBasedGateway id="g"/>', flows: str = "") -> bytes:
    """`start -> g -> every target -> end`, and the targets' XML."""
    ids = [target.split('id="')[1].split('"')[0] for target in targets]
    body = "\n".join(targets)
    links = "\n".join(flow("g", i) + flow(i, "end") for i in ids)
    return process(
        f'<startEvent id="start"/>\n{gateway}\n{body}\n<endEvent id="end"/>\n{flow("start", "g")}{links}{flows}'
    )


def catch(id_: str, definition: str = TIMER) -> str:
    return f'<intermediateCatchEvent id="{id_}">{definition}</intermediateCatchEvent>'


CASES: dict[str, tuple[str, bytes, str, str]] = {
    # -- ids
    "an id is used twice": (
        "duplicate-id",
        around(f'{TASK}\n<lane id="a"/>{HERE}', "a"),
        "a",
        "here",
    ),
    "a node has no id": ("missing-id", around(f"{TASK}\n<manualTask/>{HERE}", "a"), "manualTask", "here"),
    # -- flows
    "a flow has no target": (
        "dangling-flow",
        around(f'{TASK}\n<sequenceFlow id="f" sourceRef="a"/>{HERE}', "a"),
        "f",
        "here",
    ),
    "a flow leads to a node that does not exist": (
        "dangling-flow",
        around(f"{TASK}\n{flow('a', 'nowhere', id_='f')}{HERE}", "a"),
        "f",
        "here",
    ),
    "a flow starts at a data object": (
        "dangling-flow",
        around(f'{TASK}<dataObject id="d"/>\n{flow("d", "a", id_="f")}{HERE}', "a"),
        "f",
        "here",
    ),
    "a node lists a flow that does not exist": (
        "dangling-flow",
        around(f'<task id="a">\n<outgoing>nothing</outgoing>{HERE}</task>', "a"),
        "a",
        "here",
    ),
    "a flow leads into a sub-process": (
        "flow-crosses-border",
        around(f'{TASK}<subProcess id="s"><task id="i"/></subProcess>\n{flow("a", "i", id_="f")}{HERE}', "a", "s"),
        "f",
        "here",
    ),
    "a flow leads into another process": (
        "flow-crosses-border",
        file(
            '<process id="p" isExecutable="true"><startEvent id="start"/><endEvent id="end"/><task id="a"/>'
            f"{chain('start', 'a', 'end')}\n{flow('a', 'other', id_='f')}{HERE}</process>",
            '<process id="q"><task id="other"/></process>',
        ),
        "f",
        "here",
    ),
    "a condition stands on a start event's flow": (
        "condition-not-allowed",
        process(
            f'<startEvent id="start"/><endEvent id="end"/><sequenceFlow id="f" sourceRef="start" targetRef="end">\n'
            f"<conditionExpression>x</conditionExpression>{HERE}</sequenceFlow>"
        ),
        "f",
        "here",
    ),
    "a condition stands on a parallel gateway's flow": (
        "condition-not-allowed",
        around(
            '<parallelGateway id="g"/><task id="a"/><task id="b"/>\n'
            f"{flow('g', 'b', f'<conditionExpression>x</conditionExpression>{HERE}', 'f')}{flow('b', 'end')}",
            "g",
            "a",
        ),
        "f",
        "here",
    ),
    "the only flow out of a task is conditional": (
        "lone-condition",
        process(
            '<startEvent id="start"/><task id="a"/><endEvent id="end"/>'
            f"{flow('start', 'a')}\n{flow('a', 'end', '<conditionExpression>x</conditionExpression>', 'f')}{HERE}"
        ),
        "f",
        "here",
    ),
    "a split has a flow without condition": (
        "missing-condition",
        around(
            '<exclusiveGateway id="g" default="g-a"/><task id="a"/><task id="b"/>'
            f"\n{flow('g', 'b', id_='f')}{HERE}{flow('b', 'end')}",
            "g",
            "a",
        ),
        "f",
        "here",
    ),
    "a default flow leaves another node": (
        "default-not-outgoing",
        around(f'\n<exclusiveGateway id="g" default="a-end"/>{HERE}<task id="a"/>', "g", "a"),
        "g",
        "here",
    ),
    "a parallel gateway has a default flow": (
        "default-not-allowed",
        around(f'\n<parallelGateway id="g" default="g-a"/>{HERE}<task id="a"/>', "g", "a"),
        "g",
        "here",
    ),
    "a message flow stays inside a pool": (
        "message-flow-inside-pool",
        process(
            f'<startEvent id="start"/>{TASK}<endEvent id="end"/>{chain("start", "a", "end")}',
            root='<collaboration id="c"><participant id="pool" processRef="p"/>\n'
            f'<messageFlow id="mf" sourceRef="a" targetRef="pool"/>{HERE}</collaboration>',
        ),
        "mf",
        "here",
    ),
    "a message flow leads to a text annotation": (
        "message-flow-end",
        process(
            f'<startEvent id="start"/>{TASK}<endEvent id="end"/>{chain("start", "a", "end")}<textAnnotation id="t"/>',
            root='<collaboration id="c"><participant id="pool"/>\n'
            f'<messageFlow id="mf" sourceRef="pool" targetRef="t"/>{HERE}</collaboration>',
        ),
        "mf",
        "here",
    ),
    "a message flow leads to a none start event": (
        "message-flow-end",
        process(
            f'<startEvent id="start"/>{TASK}<endEvent id="end"/>{chain("start", "a", "end")}',
            root='<collaboration id="c"><participant id="pool"/>\n'
            f'<messageFlow id="mf" sourceRef="pool" targetRef="start"/>{HERE}</collaboration>',
        ),
        "mf",
        "here",
    ),
    "a message flow from nowhere": (
        "unresolved-reference",
        process(
            f'<startEvent id="start"/>{TASK}<endEvent id="end"/>{chain("start", "a", "end")}',
            root=f'<collaboration id="c">\n<messageFlow id="mf" sourceRef="x" targetRef="a"/>{HERE}</collaboration>',
        ),
        "mf",
        "here",
    ),
    # -- levels
    "an end event without a start event": (
        "no-start-event",
        process(f'<task id="a"/><endEvent id="end"/>{flow("a", "end")}'),
        "p",
        '<process id="p"',
    ),
    "everything waits for everything": (
        "no-start-event",
        process(f'<task id="a"/><task id="b"/>{flow("a", "b")}{flow("b", "a")}'),
        "p",
        '<process id="p"',
    ),
    "compensation of an activity inside a sub-process": (
        "compensation-target",
        around(
            '<subProcess id="s"><task id="i"/></subProcess><intermediateThrowEvent id="c">\n'
            f'<compensateEventDefinition activityRef="i"/>{HERE}</intermediateThrowEvent>',
            "s",
            "c",
        ),
        "c",
        "here",
    ),
    "a signal event that does not say which signal": (
        "missing-signal",
        around(
            f'<intermediateCatchEvent id="c">\n<signalEventDefinition/>{HERE}</intermediateCatchEvent>',
            "c",
        ),
        "c",
        "here",
    ),
    "a call activity that calls nothing": (
        "missing-called-element",
        around(f'\n<callActivity id="c"/>{HERE}', "c"),
        "c",
        "here",
    ),
    "an empty process": ("no-start-event", process(""), "p", '<process id="p"'),
    "a sub-process with two start events": (
        "multiple-start-events",
        around(
            f'<subProcess id="s"><startEvent id="s1x"/>\n<startEvent id="s2"/>{HERE}<task id="i"/>'
            f"{flow('s1x', 'i')}{flow('s2', 'i')}</subProcess>",
            "s",
        ),
        "s2",
        "here",
    ),
    "a sub-process that a timer starts": (
        "sub-process-start",
        around(
            f'<subProcess id="s">\n<startEvent id="i">{HERE}{TIMER}</startEvent><task id="t"/>{flow("i", "t")}'
            "</subProcess>",
            "s",
        ),
        "i",
        "here",
    ),
    "a task beside a start event to which nothing leads": (
        "unreachable",
        around(f'{TASK}\n<task id="lost"/>{HERE}', "a"),
        "lost",
        "here",
    ),
    "a ring of tasks that nothing enters": (
        "unreachable",
        around(f'{TASK}\n<task id="x"/>{HERE}\n<task id="y"/>{flow("x", "y")}{flow("y", "x")}', "a"),
        "x",
        "here",
    ),
    # -- events and their connections
    "a flow leads to a start event": (
        "start-with-incoming",
        process(
            f'\n<startEvent id="start"/>{HERE}{TASK}<endEvent id="end"/>{chain("start", "a", "end")}'
            f"{flow('a', 'start')}"
        ),
        "start",
        "here",
    ),
    "nothing follows a start event": (
        "start-without-outgoing",
        around(f'{TASK}\n<startEvent id="idle"/>{HERE}', "a"),
        "idle",
        "here",
    ),
    "a flow leaves an end event": (
        "end-with-outgoing",
        around(f'{TASK}\n<endEvent id="early"/>{HERE}{flow("a", "early")}{flow("early", "a")}', "a"),
        "early",
        "here",
    ),
    "nothing leads to an end event": (
        "end-without-incoming",
        around(f'{TASK}\n<endEvent id="lost"/>{HERE}', "a"),
        "lost",
        "here",
    ),
    "nothing leads to an intermediate event": (
        "event-without-incoming",
        around(f'{TASK}\n<intermediateCatchEvent id="c">{HERE}{TIMER}</intermediateCatchEvent>{flow("c", "a")}', "a"),
        "c",
        "here",
    ),
    "nothing follows an intermediate event": (
        "event-without-outgoing",
        around(f'{TASK}\n<intermediateCatchEvent id="c">{HERE}{TIMER}</intermediateCatchEvent>{flow("a", "c")}', "a"),
        "c",
        "here",
    ),
    "an end event with a timer": (
        "event-not-allowed",
        around(
            f'{TASK}<endEvent id="e">\n<timerEventDefinition>{HERE}{DATED}</timerEventDefinition></endEvent>'
            + flow("a", "e"),
            "a",
        ),
        "e",
        "here",
    ),
    "an error caught in the middle of the flow": (
        "event-not-allowed",
        around(f'<intermediateCatchEvent id="c">\n{ERROR}{HERE}</intermediateCatchEvent>', "c"),
        "c",
        "here",
    ),
    "a process that an error starts": (
        "event-not-allowed",
        around(f'{TASK}<startEvent id="s">\n<errorEventDefinition/>{HERE}</startEvent>{flow("s", "a")}', "a"),
        "s",
        "here",
    ),
    "a terminate event that is not an end": (
        "event-not-allowed",
        around(f'<intermediateThrowEvent id="c">\n<terminateEventDefinition/>{HERE}</intermediateThrowEvent>', "c"),
        "c",
        "here",
    ),
    "a catch event that waits for nothing": (
        "missing-event-definition",
        around(f'\n<intermediateCatchEvent id="c"/>{HERE}', "c"),
        "c",
        "here",
    ),
    "a boundary event that waits for nothing": (
        "missing-event-definition",
        around(f'{TASK}\n<boundaryEvent id="b" attachedToRef="a"/>{HERE}{flow("b", "end")}', "a"),
        "b",
        "here",
    ),
    "an error that does not interrupt": (
        "must-interrupt",
        around(
            f'{TASK}\n<boundaryEvent id="b" attachedToRef="a" cancelActivity="false">{HERE}<errorEventDefinition/>'
            f"</boundaryEvent>{flow('b', 'end')}",
            "a",
        ),
        "b",
        "here",
    ),
    "a cancel end event outside of a transaction": (
        "cancel-outside-transaction",
        around(f'{TASK}\n<endEvent id="e">{HERE}<cancelEventDefinition/></endEvent>{flow("a", "e")}', "a"),
        "e",
        "here",
    ),
    "a cancel boundary event on a plain sub-process": (
        "cancel-outside-transaction",
        around(
            f'<subProcess id="s"><task id="i"/></subProcess>\n<boundaryEvent id="b" attachedToRef="s">{HERE}'
            f"<cancelEventDefinition/></boundaryEvent>{flow('b', 'end')}",
            "s",
        ),
        "b",
        "here",
    ),
    # -- what events refer to
    "a message event that does not say which message": (
        "missing-message",
        around(
            '<intermediateCatchEvent id="c"><extensionElements><tl:correlation key="id"/></extensionElements>\n'
            f"<messageEventDefinition/>{HERE}</intermediateCatchEvent>",
            "c",
        ),
        "c",
        "here",
    ),
    "a message event without correlation": (
        "missing-correlation",
        around(f'\n<intermediateCatchEvent id="c">{HERE}{MESSAGE}</intermediateCatchEvent>', "c"),
        "c",
        "here",
    ),
    "a receive task without correlation": (
        "missing-correlation",
        around(f'\n<receiveTask id="c" messageRef="m1"/>{HERE}', "c"),
        "c",
        "here",
    ),
    "a message that does not exist": (
        "unresolved-reference",
        around(
            f'<intermediateCatchEvent id="d">{KEY}\n<messageEventDefinition messageRef="nothing"/>{HERE}'
            "</intermediateCatchEvent>",
            "d",
        ),
        "d",
        "here",
    ),
    "an error that does not exist": (
        "unresolved-reference",
        around(f'{TASK}<endEvent id="e">\n<errorEventDefinition errorRef="m1"/>{HERE}</endEvent>{flow("a", "e")}', "a"),
        "e",
        "here",
    ),
    "an error end event without an error": (
        "missing-error-code",
        around(f'{TASK}<endEvent id="e">\n<errorEventDefinition/>{HERE}</endEvent>{flow("a", "e")}', "a"),
        "e",
        "here",
    ),
    "an error end event whose error has no code": (
        "missing-error-code",
        around(f'{TASK}<endEvent id="e">\n<errorEventDefinition errorRef="e2"/>{HERE}</endEvent>{flow("a", "e")}', "a"),
        "e",
        "here",
    ),
    "an escalation without a code": (
        "missing-escalation-code",
        around(f'{TASK}<endEvent id="e">\n<escalationEventDefinition/>{HERE}</endEvent>{flow("a", "e")}', "a"),
        "e",
        "here",
    ),
    "a timer without a time": (
        "missing-timer",
        around(f'<intermediateCatchEvent id="c">\n<timerEventDefinition/>{HERE}</intermediateCatchEvent>', "c"),
        "c",
        "here",
    ),
    "a timer with an empty time": (
        "missing-timer",
        around(
            f'<intermediateCatchEvent id="c"><timerEventDefinition>\n<timeDate/>{HERE}</timerEventDefinition>'
            "</intermediateCatchEvent>",
            "c",
        ),
        "c",
        "here",
    ),
    "a timer with two times": (
        "bad-timer",
        around(
            f'<intermediateCatchEvent id="c">\n<timerEventDefinition>{HERE}<timeDate>2026-01-05</timeDate>'
            "<timeDuration>PT1S</timeDuration></timerEventDefinition></intermediateCatchEvent>",
            "c",
        ),
        "c",
        "here",
    ),
    "a duration that is none": (
        "bad-timer",
        around(
            f'<intermediateCatchEvent id="c"><timerEventDefinition>\n<timeDuration>five minutes</timeDuration>{HERE}'
            "</timerEventDefinition></intermediateCatchEvent>",
            "c",
        ),
        "c",
        "here",
    ),
    "a conditional event without a condition": (
        "missing-condition",
        around(f'<intermediateCatchEvent id="c">\n<conditionalEventDefinition/>{HERE}</intermediateCatchEvent>', "c"),
        "c",
        "here",
    ),
    "compensation of something that is no activity": (
        "compensation-target",
        around(
            f'{TASK}<intermediateThrowEvent id="c">\n<compensateEventDefinition activityRef="start"/>{HERE}'
            "</intermediateThrowEvent>",
            "a",
            "c",
        ),
        "c",
        "here",
    ),
    # -- links
    "a link without a name": (
        "missing-link-name",
        around(
            f'{TASK}\n<intermediateThrowEvent id="c">{HERE}<linkEventDefinition/></intermediateThrowEvent>'
            f"{flow('a', 'c')}",
            "a",
        ),
        "c",
        "here",
    ),
    "a link that leads nowhere": (
        "link-without-pair",
        around(
            f'{TASK}\n<intermediateThrowEvent id="c">{HERE}<linkEventDefinition name="L"/></intermediateThrowEvent>'
            f"{flow('a', 'c')}",
            "a",
        ),
        "c",
        "here",
    ),
    "an empty condition": (
        "missing-condition",
        around(
            f'<intermediateCatchEvent id="c">\n<conditionalEventDefinition>{HERE}<condition/>'
            "</conditionalEventDefinition></intermediateCatchEvent>",
            "c",
        ),
        "c",
        "here",
    ),
    "a link with two targets": (
        "link-ambiguous",
        around(
            f'{TASK}<intermediateThrowEvent id="c"><linkEventDefinition name="L"/></intermediateThrowEvent>'
            f'{flow("a", "c")}<intermediateCatchEvent id="d"><linkEventDefinition name="L"/></intermediateCatchEvent>\n'
            f'<intermediateCatchEvent id="e">{HERE}<linkEventDefinition name="L"/></intermediateCatchEvent>'
            f"{flow('d', 'end')}{flow('e', 'end')}",
            "a",
        ),
        "e",
        "here",
    ),
    "a flow leaves a throwing link": (
        "link-with-flow",
        around(
            f'\n<intermediateThrowEvent id="c">{HERE}<linkEventDefinition name="L"/></intermediateThrowEvent>'
            f'<intermediateCatchEvent id="d"><linkEventDefinition name="L"/></intermediateCatchEvent>'
            + flow("d", "end"),
            "c",
        ),
        "c",
        "here",
    ),
    # -- boundary events
    "a boundary event that is attached to nothing": (
        "boundary-without-host",
        around(f'{TASK}\n<boundaryEvent id="b">{HERE}{TIMER}</boundaryEvent>{flow("b", "end")}', "a"),
        "b",
        "here",
    ),
    "a boundary event on a gateway": (
        "boundary-without-host",
        around(
            f'<exclusiveGateway id="g"/>\n<boundaryEvent id="b" attachedToRef="g">{HERE}{TIMER}</boundaryEvent>'
            f"{flow('b', 'end')}",
            "g",
        ),
        "b",
        "here",
    ),
    "a boundary event on an activity of another level": (
        "boundary-without-host",
        around(
            f'<subProcess id="s"><task id="i"/></subProcess>\n<boundaryEvent id="b" attachedToRef="i">{HERE}{TIMER}'
            f"</boundaryEvent>{flow('b', 'end')}",
            "s",
        ),
        "b",
        "here",
    ),
    "a flow leads to a boundary event": (
        "boundary-with-incoming",
        around(
            f'{TASK}\n<boundaryEvent id="b" attachedToRef="a">{HERE}{TIMER}</boundaryEvent>{flow("b", "end")}'
            f"{flow('a', 'b')}",
            "a",
        ),
        "b",
        "here",
    ),
    "nothing follows a boundary event": (
        "boundary-without-outgoing",
        around(f'{TASK}\n<boundaryEvent id="b" attachedToRef="a">{HERE}{TIMER}</boundaryEvent>', "a"),
        "b",
        "here",
    ),
    # -- drawn compensation
    "a compensation boundary event without a handler": (
        "compensation-without-handler",
        around(
            f'{TASK}\n<boundaryEvent id="b" attachedToRef="a">{HERE}<compensateEventDefinition/></boundaryEvent>', "a"
        ),
        "b",
        "here",
    ),
    "a flow leaves a compensation boundary event": (
        "compensation-boundary-with-flow",
        around(
            f'<task id="a"/>\n<boundaryEvent id="b" attachedToRef="a">{HERE}<compensateEventDefinition/>'
            f'</boundaryEvent><task id="undo" isForCompensation="true"/>{LINK}{flow("b", "end")}',
            "a",
        ),
        "b",
        "here",
    ),
    "a handler that is not marked": (
        "handler-not-marked",
        around(COMPENSABLE.replace(HANDLER, f'\n<task id="undo"/>{HERE}') + LINK, "a"),
        "undo",
        "here",
    ),
    "a flow leads to a handler": (
        "handler-with-flow",
        around(COMPENSABLE.replace('<task id="undo"', '\n<task id="undo"') + HERE + LINK + flow("a", "undo"), "a"),
        "undo",
        "here",
    ),
    "an activity with two compensation handlers": (
        "compensation-handlers-clash",
        around(
            COMPENSABLE
            + LINK
            + f'\n<boundaryEvent id="b2" attachedToRef="a">{HERE}<compensateEventDefinition/></boundaryEvent>'
            + '<association id="as2" sourceRef="b2" targetRef="undo"/>',
            "a",
        ),
        "b2",
        "here",
    ),
    "a sub-process with a handler outside and one inside": (
        "compensation-handlers-clash",
        around(
            '<subProcess id="s"><task id="i"/>\n'
            + EVENT_SUB.format(start='<startEvent id="sub-start"><compensateEventDefinition/></startEvent>')
            + HERE
            + "</subProcess>"
            + COMPENSABLE.replace('<task id="a"/>', "").replace('"a"', '"s"')
            + LINK,
            "s",
        ),
        "sub",
        "here",
    ),
    # -- gateways
    "a diverging gateway that merges": (
        "gateway-direction",
        around(f'{TASK}\n<exclusiveGateway id="g" gatewayDirection="Diverging"/>{HERE}', "a", "g"),
        "g",
        "here",
    ),
    "a gateway at the end of a path": (
        "gateway-without-outgoing",
        around(f'{TASK}\n<exclusiveGateway id="g"/>{HERE}{flow("a", "g")}', "a"),
        "g",
        "here",
    ),
    "an event-based gateway with one event": (
        "event-gateway-outgoing",
        event_gateway(catch("a"), gateway=f'\n<eventBasedGateway id="g"/>{HERE}'),
        "g",
        "here",
    ),
    "a task after an event-based gateway": (
        "event-gateway-target",
        event_gateway(catch("a"), f'<task id="b"/>{HERE}'),
        "b",
        "here",
    ),
    "receive tasks and message events after one gateway": (
        "event-gateway-mixed",
        event_gateway(
            f'<receiveTask id="a" messageRef="m1">{KEY}</receiveTask>',
            catch("b", f'<extensionElements><tl:correlation key="x"/></extensionElements>{MESSAGE}'),
            gateway=f'\n<eventBasedGateway id="g"/>{HERE}',
        ),
        "g",
        "here",
    ),
    "another flow leads to an event after an event-based gateway": (
        "event-gateway-target-incoming",
        event_gateway(
            catch("a"),
            catch("b") + HERE,
            flows='<task id="t"/>' + flow("a", "t") + flow("t", "b"),
        ),
        "b",
        "here",
    ),
    "a receive task after an event-based gateway with a boundary event": (
        "event-gateway-target-boundary",
        event_gateway(
            catch("a"),
            f'<receiveTask id="b" messageRef="m1">{HERE}{KEY}</receiveTask>',
            flows=f'<boundaryEvent id="x" attachedToRef="b">{TIMER}</boundaryEvent>{flow("x", "end")}',
        ),
        "b",
        "here",
    ),
    "a parallel event-based gateway in the middle": (
        "event-gateway-type",
        event_gateway(
            catch("a"), catch("b"), gateway=f'\n<eventBasedGateway id="g" eventGatewayType="Parallel"/>{HERE}'
        ),
        "g",
        "here",
    ),
    "a receive task that begins instances in the middle": (
        "instantiate-with-incoming",
        around(
            f'\n<receiveTask id="r" messageRef="m1" instantiate="true">{HERE}<extensionElements>'
            '<tl:correlation key="x"/></extensionElements></receiveTask>',
            "r",
        ),
        "r",
        "here",
    ),
    # -- event sub-processes, loops, ad-hoc
    "an event sub-process that a token starts": (
        "event-sub-process-start",
        around(f"{TASK}\n{EVENT_SUB.format(start=PLAIN_START)}{HERE}", "a"),
        "sub-start",
        "here",
    ),
    "an event sub-process with a flow": (
        "event-sub-process-with-flow",
        around(
            f'{TASK}\n{EVENT_SUB.format(start=f"""<startEvent id="sub-start">{TIMER}</startEvent>""")}{HERE}'
            f"{flow('a', 'sub')}",
            "a",
        ),
        "sub",
        "here",
    ),
    "two loop markers": (
        "loop-characteristics",
        around(
            f'<task id="a"><standardLoopCharacteristics/>\n<multiInstanceLoopCharacteristics/>{HERE}</task>',
            "a",
        ),
        "a",
        "here",
    ),
    "an ad-hoc sub-process with a start event": (
        "ad-hoc-content",
        around(
            f'<adHocSubProcess id="s">\n<startEvent id="i"/>{HERE}<task id="t"/>{flow("i", "t")}</adHocSubProcess>',
            "s",
        ),
        "i",
        "here",
    ),
    # -- support
    "a complex gateway": ("unsupported-element", around(f'\n<complexGateway id="g"/>{HERE}', "g"), "g", "here"),
    "an event with two triggers": (
        "unsupported-element",
        around(
            f'\n<intermediateCatchEvent id="c">{HERE}<extensionElements><tl:correlation key="x"/></extensionElements>'
            f"{MESSAGE}{TIMER}</intermediateCatchEvent>",
            "c",
        ),
        "c",
        "here",
    ),
    "a choreography task": (
        "unsupported-element",
        around(f'{TASK}\n<choreographyTask id="c"/>{HERE}', "a"),
        "c",
        "here",
    ),
}


@pytest.mark.parametrize(("rule", "xml", "element", "line"), CASES.values(), ids=CASES.keys())
def test_a_broken_rule_is_told_by_element_and_line(lint: Lint, rule: str, xml: bytes, element: str, line: str) -> None:
    # when
    findings = lint(xml)

    # then
    text = xml.decode().splitlines()
    at = line_of(xml) if line == "here" else next(n for n, t in enumerate(text, 1) if line in t)
    assert (element, rule, at) in [(f.element, f.rule, f.line) for f in findings]
    others = {f.rule for f in findings} - {rule, "unsupported-element"}
    assert others <= COMPANIONS.get(rule, set()), findings


# What cannot be broken without breaking another rule as well.
COMPANIONS: dict[str, set[str]] = {
    "missing-id": {"unreachable"},
    "dangling-flow": {"end-without-incoming"},
    "event-without-incoming": {"unreachable"},
    "cancel-outside-transaction": set(),
    "handler-not-marked": {"unreachable"},
    "link-without-pair": set(),
}


def test_everything_that_is_wrong_is_told_at_once_and_by_line(lint: Lint) -> None:
    # given
    xml = around('<task id="a"/>\n<task id="lost"/>\n<complexGateway id="g"/>\n<endEvent id="early"/>', "a", "g")

    # when
    findings = lint(xml)

    # then
    assert [(f.element, f.rule) for f in findings] == [
        ("lost", "unreachable"),
        ("g", "unsupported-element"),
        ("early", "end-without-incoming"),
    ]
