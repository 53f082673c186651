"""Each case: a process, and scenarios that have to pass on it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from saga_coordinator.scenarios import Result, Runner
from saga_coordinator.testing.files import around, chain, flow, process
from service_kit import expressions

TIMER = "<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>"
MESSAGE = '<messageEventDefinition messageRef="m1"/>'
ERROR = '<errorEventDefinition errorRef="e1"/>'
Run = Callable[[bytes, str], list[Result]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def play(xml: bytes, scenarios: str) -> list[Result]:
        (tmp_path / "p.bpmn").write_bytes(xml)
        file = tmp_path / "p.yaml"
        file.write_text("process: p.bpmn\nscenarios:\n" + scenarios)
        return list(Runner(expressions.compile).run(file))

    return play


def boundary(id_: str, on: str, definition: str, attributes: str = "") -> str:
    return f'<boundaryEvent id="{id_}" attachedToRef="{on}" {attributes}>{definition}</boundaryEvent>'


def catch(id_: str, definition: str) -> str:
    return f'<intermediateCatchEvent id="{id_}">{definition}</intermediateCatchEvent>'


def handler(on: str, id_: str, xml: str = "serviceTask") -> str:
    return (
        boundary(f"{on}-comp", on, "<compensateEventDefinition/>")
        + f'<{xml} id="{id_}" isForCompensation="true"/>'
        + f'<association id="{id_}-as" sourceRef="{on}-comp" targetRef="{id_}"/>'
    )


TWO = process(
    '<startEvent id="start"/><parallelGateway id="split"/><userTask id="a"/><userTask id="b"/>'
    '<parallelGateway id="join"/><endEvent id="end"/>'
    + chain("start", "split", "a", "join", "end")
    + chain("split", "b", "join")
)
SPLIT = process(
    '<startEvent id="start"/><exclusiveGateway id="g"/><task id="a"/><task id="b"/><endEvent id="end"/>'
    + chain("start", "g", "a", "end")
    + chain("g", "b", "end")
)
SIGNALS = process(
    '<startEvent id="start"/><eventBasedGateway id="g"/>'
    + catch("m", MESSAGE)
    + catch("t", TIMER)
    + '<endEvent id="end"/>'
    + chain("start", "g", "m", "end")
    + chain("g", "t", "end")
)
LATE_START = process(
    f'<startEvent id="start">{TIMER}</startEvent><startEvent id="by-hand"/><endEvent id="end"/>'
    + flow("start", "end")
    + flow("by-hand", "end")
)
SUB = around(
    f'<subProcess id="s"><userTask id="inner"/></subProcess>{boundary("late", "s", TIMER)}'
    f"{boundary('remind', 's', TIMER.replace('5', '2'), 'cancelActivity=' + chr(34) + 'false' + chr(34))}"
    f'<endEvent id="too-late"/><endEvent id="reminded"/>{flow("late", "too-late")}{flow("remind", "reminded")}',
    "s",
)
UNDO = around(
    '<serviceTask id="a"/><serviceTask id="b"/><serviceTask id="c"/>' + handler("a", "undo-a") + handler("b", "undo-b"),
    "a",
    "b",
    "c",
)
CAUGHT = around(
    f'<serviceTask id="a"/>{boundary("b", "a", ERROR)}{boundary("any", "a", "<errorEventDefinition/>")}'
    f'<endEvent id="refused"/><endEvent id="other"/>{flow("b", "refused")}{flow("any", "other")}',
    "a",
)
TERMINATE = process(
    '<startEvent id="start"/><parallelGateway id="split"/><userTask id="a"/><userTask id="b"/><endEvent id="end"/>'
    '<endEvent id="stop"><terminateEventDefinition/></endEvent>'
    + chain("start", "split", "a", "stop")
    + chain("split", "b", "end")
)
LOOP = process(
    '<startEvent id="start"/><task id="a"/><exclusiveGateway id="g"/><endEvent id="end"/>'
    + chain("start", "a", "g", "end")
    + flow("g", "a")
)
MERGE = process(
    '<startEvent id="start"/><parallelGateway id="split"/><task id="x"/><task id="y"/><userTask id="a"/>'
    '<endEvent id="end"/>' + chain("start", "split", "x", "a", "end") + chain("split", "y", "a")
)

CASES = {
    "tasks complete by themselves unless they are held": (
        around('<task id="a"/><manualTask id="b"/><scriptTask id="c"/>', "a", "b", "c"),
        """
  - {name: by themselves, expect: {status: completed, entered: [start, a, b, c, end], completed: [a, b, c], open: []}}
  - name: one is held
    hold: [b]
    steps: [{expect: {open: [b], status: running}}, {complete: b}]
    expect: {status: completed, completed: [a, b, c]}
  - name: all are held, and may be refused
    hold: all
    steps: [{complete: a, output: {x: 1}}, {reject: b, code: NO}]
    expect: {status: compensated, completed: [a], variables: {x: 1}, undone: []}
""",
    ),
    "parallel branches join": (
        TWO,
        """
  - name: both
    steps: [{complete: b}, {expect: {open: [a], entered: [start, split, a, b, join]}}, {complete: a}]
    expect:
      status: completed
      entered: [start, split, a, b, join, join, end]
      completed_any_order: [a, b]
      entered_any_order: [end, join, join, start, split, a, b]
  - name: branches may interleave in the expectation
    steps: [{complete: a}, {complete: b}]
    expect: {entered: [start, split, {any: [[b], [a]]}, join, join, end]}
  - name: a person refuses
    steps: [{reject: a, code: NO}]
    expect: {status: compensated, open: []}
""",
    ),
    "a split without conditions takes what is chosen, or waits": (
        SPLIT,
        """
  - {name: waits, expect: {open: [g], entered: [start, g]}}
  - {name: chosen before, choices: {g: [[g-b]]}, expect: {entered: [start, g, b, end], status: completed}}
  - name: chosen while it waits
    steps: [{choose: {gateway: g, flows: [g-a]}}]
    expect: {entered: [start, g, a, end], status: completed}
""",
    ),
    "a loop is chosen visit by visit": (
        LOOP,
        """
  - name: three times
    choices: {g: [[g-a], [g-a], [g-end]]}
    expect: {entered: [start, a, g, a, g, a, g, end], completed: [a, a, a], status: completed}
  - {name: waits when nothing more is chosen, choices: {g: [[g-a]]}, expect: {open: [g], completed: [a, a]}}
""",
    ),
    "an event-based gateway takes what comes first": (
        SIGNALS,
        """
  - name: the message
    steps: [{message: {name: goods.arrived, payload: {n: 3}}}]
    expect: {entered: [start, g, m, end], variables: {n: 3}, status: completed}
  - {name: the timer, steps: [{advance: PT4M}, {expect: {open: [g]}}, {advance: PT1M}],
     expect: {entered: [start, g, t, end]}}
  - {name: by hand, steps: [{trigger: t}], expect: {entered: [start, g, t, end]}}
  - {name: another message, steps: [{message: {name: other}}], expect: {open: [g]}}
""",
    ),
    "start events wait for a trigger": (
        LATE_START,
        """
  - {name: nothing happens, start: none, expect: {entered: [], open: []}}
  - {name: by hand, start: none, steps: [{trigger: by-hand}], expect: {entered: [by-hand, end]}}
  - {name: by the clock, start: none, steps: [{advance: PT10M}], expect: {entered: [start, end], status: completed}}
  - {name: by name, start: {event: start, variables: {a: 1}}, expect: {entered: [start, end], variables: {a: 1}}}
""",
    ),
    "boundary timers on a sub-process": (
        SUB,
        """
  - name: in time
    steps: [{complete: inner}]
    expect: {status: completed, entered: [start, s, inner, end], completed: [inner, s]}
  - name: reminded
    steps: [{advance: PT2M}, {expect: {open: [inner], entered: [start, s, inner, remind, reminded]}}, {complete: inner}]
    expect: {status: completed, completed: [inner, s]}
  - name: too late
    steps: [{advance: PT1H}]
    expect: {status: completed, entered: [start, s, inner, remind, reminded, late, too-late], completed: []}
  - name: triggered by name
    steps: [{trigger: late, on: s}]
    expect: {entered: [start, s, inner, late, too-late]}
""",
    ),
    "drawn handlers undo in reverse order of completion": (
        UNDO,
        """
  - name: by themselves
    steps: [{complete: a}, {complete: b}, {reject: c, code: NO}]
    expect: {status: compensated, completed: [a, b, undo-b, undo-a],
      undone: [b, a], entered: [start, a, b, c, undo-b, undo-a]}
  - name: held
    hold: [undo-b]
    steps:
      - complete: a
      - complete: b
      - reject: c
      - expect: {status: compensating, open: [undo-b], undone: []}
      - complete: undo-b
    expect: {status: compensated, undone: [b, a]}
  - name: cancelled while a command is out
    auto: true
    steps: [{expect: {status: completed}}]
  - name: an operator cancels without undo
    steps: [{complete: a}, {operator: {cancel: true, undo: false}}]
    expect: {status: cancelled, undone: []}
""",
    ),
    "errors are caught by code before any": (
        CAUGHT,
        """
  - {name: by code, steps: [{reject: a, code: REFUSED}], expect: {status: completed, entered: [start, a, b, refused]}}
  - {name: any, steps: [{reject: a, code: X, message: no}],
     expect: {entered: [start, a, any, other], variables: {error.code: X}}}
  - {name: thrown inside, steps: [{error: {step: a, code: REFUSED}}], expect: {entered: [start, a, b, refused]}}
  - {name: triggered, steps: [{trigger: b}], expect: {entered: [start, a, b, refused]}}
""",
    ),
    "the five outcomes": (
        around('<serviceTask id="a"/>', "a"),
        """
  - {name: accepted and done, steps: [{accept: a}, {expect: {open: [a]}}, {complete: a}], expect: {status: completed}}
  - {name: accepted and refused, steps: [{accept: a}, {reject: a, code: X}], expect: {status: compensated}}
  - {name: unavailable,
     steps: [{unavailable: a, retry_after: 9}, {advance: PT8S}, {expect: {open: [a]}}, {advance: PT1S}, {complete: a}],
     expect: {status: completed}}
  - {name: unknown and applied, steps: [{unknown: a, probe: applied, output: {x: 1}}],
     expect: {status: completed, variables: {x: 1}}}
  - {name: unknown and absent, steps: [{unknown: a, probe: absent}, {advance: PT1M}, {complete: a}],
     expect: {status: completed}}
  - {name: unknown and pending,
     steps: [{unknown: a, probe: pending}, {advance: PT10M}, {expect: {open: [a]}}, {complete: a}],
     expect: {status: completed}}
  - {name: late, steps: [{complete: a}, {late: a, output: {x: 2}}],
     expect: {status: completed, completed: [a], variables: {x: null}}}
  - {name: auto, auto: true, expect: {status: completed, completed: [a]}}
""",
    ),
    "an interrupted command is probed before its instance ends": (
        around(f'<serviceTask id="a"/>{boundary("t", "a", TIMER)}<endEvent id="late"/>{flow("t", "late")}', "a"),
        """
  - {name: never applied, steps: [{advance: PT5M}],
     expect: {status: completed, entered: [start, a, t, late], completed: []}}
""",
    ),
    "terminate ends everything else": (
        TERMINATE,
        """
  - {name: one, steps: [{complete: a}], expect: {status: completed, open: [], completed: [a]}}
""",
    ),
    "several tokens at one task are told apart": (
        MERGE,
        """
  - name: one by one
    steps: [{expect: {open: [a, a]}}, {complete: "a#2"}, {expect: {open: [a]}}, {complete: a}]
    expect: {status: completed, completed: [x, y, a, a], entered: [start, split, x, y, a, a, end, end]}
  - {name: both at once, steps: [{complete: a, times: 2}], expect: {status: completed}}
""",
    ),
    "a process without events": (
        process('<task id="a"/><userTask id="b"/>' + flow("a", "b")),
        """
  - {name: implicit, steps: [{complete: b}], expect: {status: completed, entered: [a, b]}}
""",
    ),
    "an operator retries": (
        around(
            '<serviceTask id="a" tl:class="retriable"><extensionElements><tl:retry attempts="1"/></extensionElements>'
            "</serviceTask>",
            "a",
        ),
        """
  - name: refused after the pivot
    steps:
      - reject: a
        code: CLOSED
      - expect: {status: incident, incidents: [{step: a, code: CLOSED}]}
      - operator: {retry: a}
      - expect: {incidents: [], open: [a]}
      - unavailable: a
      - expect: {incidents: [{step: a}]}
      - operator: {retry: all}
      - complete: a
    expect: {status: completed}
""",
    ),
    "a refused file": (
        around('<task id="a"/><task id="lost"/>', "a"),
        """
  - {name: by rule, expect: {rejected: [{element: lost, rule: unreachable}]}}
  - {name: by anything, expect: {rejected: any}}
""",
    ),
}


@pytest.mark.parametrize(("xml", "scenarios"), CASES.values(), ids=CASES.keys())
def test_scenarios_play(run: Run, xml: bytes, scenarios: str) -> None:
    results = run(xml, scenarios)
    assert results
    assert [(result.name, result.reason) for result in results if not result.ok] == []


def test_a_compensation_event_counts_as_reached_when_its_handler_ran(tmp_path: Path) -> None:
    # given
    (tmp_path / "p.bpmn").write_bytes(UNDO)
    (tmp_path / "p.yaml").write_text(
        "process: p.bpmn\nscenarios: [{name: x, steps: [{complete: a}, {reject: b, code: NO}]}]"
    )

    # when
    (result,) = Runner(expressions.compile).run(tmp_path / "p.yaml")

    # then
    assert {"a-comp", "undo-a"} <= result.reached
    assert "b-comp" not in result.reached
