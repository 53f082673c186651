"""Before a pivot every create has an undo; after it, and beside it, every step is retriable or reads."""

from collections.abc import Callable

import pytest

from saga_coordinator import bpmn
from saga_coordinator.testing.files import around, flow, process, service

Lint = Callable[[bytes], list[bpmn.Finding]]

PIVOT = service("pivot", "erp.post-invoice", 'tl:class="pivot"')
CREATE = service("step", "erp.post-invoice")
UNDOABLE = service("step", "erp.create-order")
RETRIABLE = service("step", "crm.set-status", 'tl:class="retriable"')
CHANGE = service("step", "crm.set-status")
READ = service("step", "erp.read-order")
HANDLER = (
    '<boundaryEvent id="b" attachedToRef="step"><compensateEventDefinition/></boundaryEvent>'
    '<task id="undo" isForCompensation="true"/><association id="as" sourceRef="b" targetRef="undo"/>'
)
TIMER = "<timerEventDefinition><timeDuration>PT5M</timeDuration></timerEventDefinition>"


def parallel(one: str, other: str) -> bytes:
    return process(
        f'<startEvent id="start"/><parallelGateway id="split"/>{one}{other}<parallelGateway id="join"/>'
        f'<endEvent id="end"/>{flow("start", "split")}{flow("split", "step")}{flow("split", "pivot")}'
        f"{flow('step', 'join')}{flow('pivot', 'join')}{flow('join', 'end')}"
    )


def exclusive(one: str, other: str) -> bytes:
    condition = "<conditionExpression>x</conditionExpression>"
    return process(
        f'<startEvent id="start"/><exclusiveGateway id="split" default="split-pivot"/>{one}{other}<endEvent id="end"/>'
        f"{flow('start', 'split')}{flow('split', 'step', condition)}{flow('split', 'pivot')}"
        f"{flow('step', 'end')}{flow('pivot', 'end')}"
    )


def boundary(interrupting: str) -> bytes:
    return around(
        f'<subProcess id="s">{PIVOT}</subProcess><boundaryEvent id="t" attachedToRef="s" {interrupting}>{TIMER}'
        f"</boundaryEvent>{CHANGE}{flow('t', 'step')}{flow('step', 'end')}",
        "s",
    )


CASES = {
    "a create without undo before": (around(CREATE + PIVOT, "step", "pivot"), "missing-undo-before-pivot"),
    "a create with an undo before": (around(UNDOABLE + PIVOT, "step", "pivot"), None),
    "a create with a drawn handler before": (around(CREATE + HANDLER + PIVOT, "step", "pivot"), None),
    "a create that is never undone before": (
        around(service("step", "erp.create-order", 'tl:class="retriable"') + PIVOT, "step", "pivot"),
        "missing-undo-before-pivot",
    ),
    "a change that can be repeated before": (around(CHANGE + PIVOT, "step", "pivot"), None),
    "a read before": (around(READ + PIVOT, "step", "pivot"), None),
    "a create inside a sub-process before": (
        around(f'<subProcess id="s">{CREATE}</subProcess>{PIVOT}', "s", "pivot"),
        "missing-undo-before-pivot",
    ),
    "a retriable step after": (around(PIVOT + RETRIABLE, "pivot", "step"), None),
    "a read after": (around(PIVOT + READ, "pivot", "step"), None),
    "a compensatable step after": (around(PIVOT + UNDOABLE, "pivot", "step"), "not-retriable-after-pivot"),
    "a compensatable step after the pivot's sub-process": (
        around(f'<subProcess id="s">{PIVOT}</subProcess>{CHANGE}', "s", "step"),
        "not-retriable-after-pivot",
    ),
    "a second pivot after": (
        around(PIVOT + service("step", "erp.post-invoice", 'tl:class="pivot"'), "pivot", "step"),
        "not-retriable-after-pivot",
    ),
    "a compensatable step beside": (parallel(UNDOABLE, PIVOT), "not-retriable-after-pivot"),
    "a retriable step beside": (parallel(RETRIABLE, PIVOT), None),
    "a compensatable step on the other way": (exclusive(UNDOABLE, PIVOT), None),
    "a step that a timer starts beside the pivot": (boundary('cancelActivity="false"'), "not-retriable-after-pivot"),
    "a step instead of a pivot that takes too long": (boundary(""), None),
    "no pivot at all": (around(CREATE, "step"), None),
}


@pytest.mark.parametrize(("xml", "rule"), CASES.values(), ids=CASES.keys())
def test_recovery_has_to_be_possible_around_a_pivot(lint: Lint, xml: bytes, rule: str | None) -> None:
    assert [(f.element, f.rule) for f in lint(xml)] == ([("step", rule)] if rule else [])


def test_an_unknown_operation_is_believed_to_have_an_undo(lint_tolerantly: Lint) -> None:
    assert lint_tolerantly(around(CREATE + PIVOT, "step", "pivot")) == []
    assert [
        f.rule
        for f in lint_tolerantly(
            around(PIVOT + service("step", attributes='tl:class="compensatable"'), "pivot", "step")
        )
    ] == ["not-retriable-after-pivot"]
