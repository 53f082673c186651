"""An undo of something that never happened succeeds and is recorded (DESIGN 7)."""

import msgspec
import pytest

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Operation, Process, StepClass, Undo
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, operation, timer

SET_BACK = Undo(Operation(name="set-back", system="sys", safe_to_repeat=True), never=("NOT_SET",))
SETS = operation("sets", probe=False, safe_to_repeat=True, undo=False)
SETS = msgspec.structs.replace(SETS, undo=SET_BACK)


def interrupted() -> Process:
    """`sets` may take a second; then `last` is done instead."""
    drawing = Drawing().start().service("sets", op=SETS).end()
    drawing.boundary("late", "sets", timer("PT1S")).service("last", step_class=StepClass.READ).end("other")
    return drawing.flow("start", "sets", "end").flow("late", "last", "other").process()


def test_a_refusal_that_says_so_ends_the_undo_of_what_may_never_have_happened() -> None:
    case = Case(interrupted()).start()
    case.advance(1000)
    case.reply("sets", i.ProbedOutcome(verdict="impossible"))
    case.reject("last")

    case.reject("sets", "NOT_SET")

    assert (case.live.status, case.undone()) == ("compensated", ["sets"])
    assert [fact.null for fact in case.facts if isinstance(fact, f.Undone)] == [True]


def test_any_other_refusal_waits_for_a_person() -> None:
    case = Case(interrupted()).start()
    case.advance(1000)
    case.reply("sets", i.ProbedOutcome(verdict="impossible"))
    case.reject("last")

    case.reject("sets", "LOCKED")

    assert case.live.status == "incident"


@pytest.mark.parametrize("code", ["NOT_SET", "LOCKED"])
def test_of_what_is_known_to_have_happened_no_refusal_says_that_it_never_did(code: str) -> None:
    drawing = Drawing().start().service("sets", op=SETS).service("last").end()
    case = Case(drawing.flow("start", "sets", "last", "end").process()).start()
    case.complete("sets")
    case.reject("last")

    case.reject("sets", code)

    assert (case.live.status, case.undone()) == ("incident", [])
