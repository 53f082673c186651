"""Backward recovery: everything that was done is undone, newest first, exactly once (DESIGN 7)."""

import pytest

from saga_coordinator.engine import IllegalInput, undo_plan
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import EventDefinition, Kind, StepClass, Trigger
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, error, line, operation, timer

APPLIED = i.ProbedOutcome(verdict="applied", output={"number": "9"})


def parallel(*branches: str) -> Drawing:
    drawing = Drawing().start().add(Kind.PARALLEL_GATEWAY, "fork").add(Kind.PARALLEL_GATEWAY, "join").end()
    drawing.flow("start", "fork")
    for branch in branches:
        drawing.service(branch).flow("fork", branch, "join")
    return drawing.flow("join", "end")


def test_a_refusal_undoes_completed_steps_in_reverse_order_each_with_its_own_output() -> None:
    case = Case(line("a", "b", "c")).start()
    case.complete("a", {"number": "A"})
    case.complete("b", {"number": "B"})

    case.reject("c")

    assert (case.open(), case.command("b").input["output"]) == (["b"], {"number": "B"})
    case.complete("b")
    assert (case.open(), case.command("a").input["output"]) == (["a"], {"number": "A"})
    case.complete("a")
    assert (case.live.status, case.undone()) == ("compensated", ["b", "a"])


def test_a_refusal_with_nothing_done_is_compensated_at_once() -> None:
    case = Case(line("a")).start()

    case.reject("a")

    assert (case.live.status, case.undone()) == ("compensated", [])


def test_undo_follows_completion_not_the_drawing() -> None:
    case = Case(parallel("a", "b", "c").process()).start()
    case.complete("c")
    case.complete("a")

    case.reject("b")
    case.complete("a")
    case.complete("c")

    assert case.undone() == ["a", "c"]


def test_a_sibling_whose_command_is_out_is_probed_before_anything_is_undone() -> None:
    case = Case(parallel("a", "b", "c").process()).start()
    case.complete("a")

    case.reject("b")

    assert case.command("c").kind == "probe"
    assert case.open() == ["c"]
    case.reply("c", APPLIED)
    case.complete("c")
    case.complete("a")
    assert (case.live.status, case.undone()) == ("compensated", ["c", "a"])


def test_a_sibling_that_the_probe_does_not_find_needs_no_undo() -> None:
    case = Case(parallel("a", "b").process()).start()

    case.reject("a")
    case.reply("b", i.ProbedOutcome(verdict="absent"))

    assert (case.live.status, case.undone()) == ("compensated", [])


def test_the_reply_of_an_interrupted_step_settles_it_as_well_as_the_probe() -> None:
    case = Case(parallel("a", "b").process()).start()
    executed = case.command("b")
    case.reject("a")

    case.answer(executed, i.CompletedOutcome(output={"number": "5"}))

    assert case.command("b").operation == "sys.b-undo"


def test_an_undo_that_is_refused_becomes_an_incident_and_the_saga_never_says_compensated() -> None:
    case = Case(line("a", "b")).start()
    case.complete("a")
    case.reject("b")

    case.reject("a", "PERIOD_CLOSED")

    assert (case.live.status, case.incidents()) == ("incident", [("a", "PERIOD_CLOSED")])
    case.retry("a")
    case.complete("a")
    assert (case.live.status, case.undone()) == ("compensated", ["a"])


def test_an_undo_whose_outcome_is_unknown_is_repeated() -> None:
    case = Case(line("a", "b")).start()
    case.complete("a")
    case.reject("b")
    key = case.command("a").hub_key

    case.reply("a", i.UnknownOutcome())
    case.advance(1_000)

    assert (case.command("a").attempt, case.command("a").hub_key) == (2, key)


def test_what_has_no_undo_stops_the_recovery_for_a_person() -> None:
    drawing = Drawing().start().service("a", op=operation("sys.a", undo=False)).service("b").end()
    case = Case(drawing.flow("start", "a", "b", "end").process()).start()
    case.complete("a")

    case.reject("b")

    assert case.incidents() == [("a", "CANNOT_UNDO")]


def test_a_read_needs_no_undo() -> None:
    read = operation("sys.a", undo=False, reads=True, safe_to_repeat=True)
    drawing = Drawing().start().service("a", op=read).service("b").end().flow("start", "a", "b", "end")
    case = Case(drawing.process()).start()
    case.complete("a")

    case.reject("b")

    assert (case.live.status, case.undone()) == ("compensated", [])


def test_after_the_pivot_a_refusal_is_an_incident() -> None:
    drawing = Drawing().start().service("a").service("b", step_class=StepClass.PIVOT).service("c").end()
    case = Case(drawing.flow("start", "a", "b", "c", "end").process()).start()
    case.complete("a")
    case.complete("b")

    case.reject("c")

    assert (case.live.status, case.undone()) == ("incident", [])


def test_the_pivot_itself_may_still_be_refused() -> None:
    drawing = Drawing().start().service("a").service("b", step_class=StepClass.PIVOT).end()
    case = Case(drawing.flow("start", "a", "b", "end").process()).start()
    case.complete("a")

    case.reject("b")
    case.complete("a")

    assert (case.live.status, case.undone()) == ("compensated", ["a"])


def with_handler() -> Drawing:
    drawing = Drawing().start().service("a", handler="undo_a").service("b").end()
    drawing.service("undo_a", is_for_compensation=True)
    drawing.boundary("comp", "a", EventDefinition(trigger=Trigger.COMPENSATE))
    return drawing.flow("start", "a", "b", "end")


def test_a_drawn_handler_wins_over_the_declared_undo_and_sees_the_step_s_snapshot() -> None:
    case = Case(with_handler().process()).start(order="SO-1")
    case.complete("a", {"number": "4500"})
    case.reply("b", i.RejectedOutcome(code="NO"))

    step = case.live.steps[case.step("undo_a")]
    assert step.sent.operation == "sys.undo_a"
    assert case.live.variables(step.scope) == {"order": "SO-1", "number": "4500"}
    case.complete("undo_a")

    assert (case.live.status, case.undone()) == ("compensated", ["a"])


def sub_process(handler: bool = False) -> Drawing:
    drawing = Drawing().start()
    drawing.add(Kind.SUB_PROCESS, "sub", **({"handler": "undo_sub"} if handler else {}))
    drawing.start("s0", inside="sub").service("x", inside="sub").service("y", inside="sub").end("s1", inside="sub")
    drawing.service("b").end().flow("start", "sub", "b", "end").flow("s0", "x", "y", "s1")
    if handler:
        drawing.service("undo_sub", is_for_compensation=True)
    return drawing


def test_steps_inside_a_finished_sub_process_are_undone_too() -> None:
    case = Case(sub_process().process()).start()
    case.complete("x")
    case.complete("y")

    case.reject("b")
    case.complete("y")
    case.complete("x")

    assert (case.live.status, case.undone()) == ("compensated", ["y", "x"])


def test_steps_inside_an_unfinished_sub_process_are_undone_too() -> None:
    case = Case(sub_process().process()).start()
    case.complete("x")

    case.reject("y")
    case.complete("x")

    assert (case.live.status, case.undone()) == ("compensated", ["x"])


def test_a_handler_drawn_on_a_sub_process_stands_for_everything_inside() -> None:
    case = Case(sub_process(handler=True).process()).start()
    case.complete("x")
    case.complete("y")

    case.reject("b")
    case.complete("undo_sub")

    assert (case.live.status, case.undone()) == ("compensated", ["sub"])


def test_an_error_that_a_boundary_event_takes_undoes_nothing() -> None:
    drawing = line_with_error_boundary()
    case = Case(drawing.process()).start()
    case.complete("a")

    case.reject("b", "OUT_OF_STOCK")

    assert case.open() == ["other"]
    assert case.live.variables(1)["error"]["code"] == "OUT_OF_STOCK"
    case.complete("other")
    assert (case.live.status, case.undone()) == ("completed", [])


def line_with_error_boundary() -> Drawing:
    drawing = Drawing().start().service("a").service("b").service("other").end().end("end2")
    drawing.boundary("any", "b", error()).boundary("stock", "b", error("OUT_OF_STOCK"))
    return drawing.flow("start", "a", "b", "end").flow("stock", "other", "end2").flow("any", "end2")


def test_the_boundary_event_of_the_same_code_comes_before_the_one_for_any() -> None:
    case = Case(line_with_error_boundary().process()).start()
    case.complete("a")

    case.reject("b", "ELSE")

    assert "any" in case.entered()
    assert case.live.status == "completed"


def test_a_step_interrupted_by_its_timer_keeps_its_effect_for_undo() -> None:
    drawing = Drawing().start().service("a").service("b").end().end("end2")
    drawing.boundary("late", "a", timer("PT1M")).flow("start", "a", "end").flow("late", "b", "end2")
    case = Case(drawing.process()).start()

    case.advance(60_000)

    assert case.open() == ["a", "b"]
    assert case.command("a").kind == "probe"
    case.complete("b")
    assert case.live.status == "running"  # the scope ends only when a's outcome is known
    case.reply("a", APPLIED)
    assert case.live.status == "completed"
    assert [effect.element for effect in case.live.log.values()] == ["b", "a"]


def test_an_error_end_event_undoes_the_instance() -> None:
    drawing = Drawing().start().service("a").end("failed", Trigger.ERROR, "NO_CREDIT")
    case = Case(drawing.flow("start", "a", "failed").process()).start()

    case.complete("a")
    case.complete("a")

    assert (case.live.status, case.undone()) == ("compensated", ["a"])


def test_cancel_with_undo_undoes_and_cancel_without_leaves_the_effects() -> None:
    for undo, status, undone in ((True, "compensated", ["a"]), (False, "cancelled", [])):
        case = Case(line("a", "b")).start()
        case.complete("a")

        case.cancel(undo=undo)
        case.reply("b", i.ProbedOutcome(verdict="absent"))
        if undo:
            case.complete("a")

        assert (case.live.status, case.undone()) == (status, undone)


def test_an_ended_instance_cannot_be_cancelled() -> None:
    case = Case(line("a")).start()
    case.complete("a")

    with pytest.raises(IllegalInput) as refusal:
        case.cancel()

    assert refusal.value.code == "ENDED"


def test_the_undo_plan_shows_what_a_cancel_would_do() -> None:
    case = Case(line("a", "b", "c")).start()
    case.complete("a", {"number": "A"})
    case.complete("b", {"number": "B"})

    plan = undo_plan(case.process, case.live)

    assert [(p.element, p.operation, p.input["output"]) for p in plan] == [
        ("b", "sys.b-undo", {"number": "B"}),
        ("a", "sys.a-undo", {"number": "A"}),
    ]


def test_giving_up_an_undo_that_failed_ends_the_instance_as_cancelled() -> None:
    case = Case(line("a", "b")).start()
    case.complete("a")
    case.reject("b")
    case.reject("a", "PERIOD_CLOSED")

    case.cancel(undo=False)

    assert case.live.status == "cancelled"


def test_an_operator_who_looked_at_an_older_state_is_refused() -> None:
    case = Case(line("a", "b")).start()
    looked_at = case.live.seq
    case.complete("a")

    with pytest.raises(IllegalInput, match="look again") as refusal:
        case.give(i.Cancel(id="c", instance="i1", at=case.now, expected_seq=looked_at))

    assert refusal.value.code == "MOVED"


def test_a_child_that_is_asked_late_to_leave_more_than_it_has_left_undoes_nothing() -> None:
    # given a child whose caller has had the newest two of its five effects undone
    case = Case(line("a", "b", "c", "d", "e")).start()
    for element in "abcde":
        case.complete(element)
    case.give(i.ParentAsked(id="ask-2", instance=case.instance, at=case.now, what="undo", left=3))
    for element in "ed":
        case.complete(element)
    assert (case.live.status, case.undone()) == ("completed", ["e", "d"])

    # when an ask from before comes again
    case.give(i.ParentAsked(id="ask-1", instance=case.instance, at=case.now, what="undo", left=4))

    # then
    assert (case.live.status, case.open(), case.undone()) == ("completed", [], ["e", "d"])
