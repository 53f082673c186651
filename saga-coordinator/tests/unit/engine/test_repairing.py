"""What people do while a command is out: what it turns out to have done is in its place in what is undone."""

import pytest

from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind, StepClass
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, line

APPLIED = i.ProbedOutcome(verdict="applied", output={"number": "9"})


def move(case: Case, step: str, to: str, *, undo: bool = True) -> None:
    case.give(i.Move(id=f"move-{step}", instance="i1", at=case.now, step=case.step(step), to=to, undo=undo, by="ann"))


def retry(case: Case, step: str, **answer: object) -> None:
    case.retry(step, by="ann", **answer)


def exhausted(case: Case, step: str) -> None:
    """Its system was away until nobody tries any more."""
    while case.live.status != "incident":
        case.reply(step, i.UnavailableOutcome(reason="away"))
        case.advance(3_600_000)


def undo(case: Case, element: str) -> None:
    """Its undo is done, while a token waits to begin there."""
    step = next(step for step in case.live.steps.values() if step.element == element and step.undoes is not None)
    case.answer(step.sent, i.CompletedOutcome())


def test_a_token_that_is_moved_back_waits_for_what_its_command_has_done_and_that_is_undone_first() -> None:
    # given
    case = Case(line("a", "b", "c")).start()
    case.complete("a")

    # when
    move(case, "b", "a")

    # then nothing is undone before the outcome is known
    assert (case.command("b").kind, case.undone()) == ("probe", [])
    case.reply("b", APPLIED)
    assert case.command("b").operation == "sys.b-undo"
    case.complete("b")
    undo(case, "a")
    assert (case.undone(), case.open(), case.command("a").operation) == (["b", "a"], ["a"], "sys.a")


def test_a_command_that_did_nothing_needs_no_undo() -> None:
    case = Case(line("a", "b")).start()

    move(case, "a", "b")
    assert "b" not in case.entered()
    case.reply("a", i.ProbedOutcome(verdict="absent"))

    assert (case.undone(), case.open(), case.command("b").operation) == ([], ["b"], "sys.b")


def test_what_is_inside_a_sub_process_is_waited_for_and_undone() -> None:
    # given
    drawing = Drawing().start().add(Kind.SUB_PROCESS, "sub").service("after").end()
    drawing.start("begin", inside="sub").service("x", inside="sub").service("y", inside="sub").end("done", inside="sub")
    drawing.flow("start", "sub", "after", "end").flow("begin", "x", "y", "done")
    case = Case(drawing.process()).start()
    case.complete("x")

    # when
    move(case, "sub", "after")
    case.reply("y", APPLIED)
    case.complete("y")
    case.complete("x")

    # then
    assert (case.undone(), case.open()) == (["y", "x"], ["after"])


def test_a_cancel_while_a_moved_token_waits_undoes_everything_once() -> None:
    case = Case(line("a", "b", "c")).start()
    case.complete("a")
    move(case, "b", "a")

    case.cancel()
    case.reply("b", APPLIED)
    case.complete("b")
    case.complete("a")

    assert (case.live.status, case.undone()) == ("compensated", ["b", "a"])


def test_behind_the_point_of_no_return_a_move_undoes_nothing() -> None:
    # given
    drawing = Drawing().start().service("a").service("pivot", step_class=StepClass.PIVOT)
    drawing.service("tell", step_class=StepClass.RETRIABLE).end().flow("start", "a", "pivot", "tell", "end")
    case = Case(drawing.process()).start()
    case.complete("a")
    case.complete("pivot")

    # when, then
    with pytest.raises(IllegalInput, match="without undo"):
        move(case, "tell", "a")
    assert case.undone() == []
    move(case, "tell", "a", undo=False)
    assert "a" in case.open()


def test_what_a_person_did_outside_is_taken_as_said_and_undone_with_its_own_output() -> None:
    # given
    case = Case(line("a", "b")).start()
    exhausted(case, "a")

    # when
    retry(case, "a", happened=True, output={"number": "4711"})
    case.reject("b")

    # then
    assert case.command("a").operation == "sys.a-undo"
    assert case.command("a").input["output"] == {"number": "4711"}


def test_nobody_can_answer_what_nobody_asks() -> None:
    # given an undo that failed
    case = Case(line("a", "b")).start()
    case.complete("a")
    case.reject("b")
    case.reject("a")

    # when, then
    with pytest.raises(IllegalInput) as refused:
        retry(case, "a", happened=True)
    assert refused.value.code == "NO_QUESTION"
    assert case.live.status == "incident"
