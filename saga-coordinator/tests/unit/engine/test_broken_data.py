"""Data that does not fit is an incident at its step, never a crash and never a journal that cannot be read."""

import pytest

from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import EventDefinition, FieldMapping, Kind, Process, Task, Trigger
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, Formula, message, operation, timer


def mapped(*mappings: FieldMapping) -> Process:
    task = Task(operation=operation("sys.a"), inputs=mappings)
    return Drawing().start().add(Kind.SERVICE_TASK, "a", task=task).end().flow("start", "a", "end").process()


def to(target: str, value: object) -> FieldMapping:
    return FieldMapping(target=target, source=Formula(lambda _: value))


def test_a_whole_input_that_is_not_found_leaves_the_rest() -> None:
    assert Case(mapped(to("", None), to("b.c", 1))).start().command("a").input == {"b": {"c": 1}}


@pytest.mark.parametrize("mappings", [(to("", [1]), to("b", 1)), (to("b", 1), to("", "text"))])
def test_a_whole_input_that_is_no_object_cannot_stand_beside_others(mappings: tuple[FieldMapping, ...]) -> None:
    assert Case(mapped(*mappings)).start().incidents() == [("a", "EXPRESSION_FAILED")]


@pytest.mark.parametrize(
    ("value", "open_"), [(None, ["sub", "x"]), ({"k": 1}, ["sub", "x"]), ([1], ["sub"]), ("t", ["sub"])]
)
def test_variables_of_a_sub_process_are_an_object_or_an_incident(value: object, open_: list[str]) -> None:
    drawing = Drawing().start().add(Kind.SUB_PROCESS, "sub", task=Task(inputs=(to("", value),))).end()
    drawing.start("s0", inside="sub").service("x", inside="sub").end("s1", inside="sub").flow("s0", "x", "s1")

    case = Case(drawing.flow("start", "sub", "end").process()).start()

    assert case.open() == open_
    assert bool(case.incidents()) == (open_ == ["sub"])


@pytest.mark.parametrize("text", ["P9999Y", "-P3000Y", "PT99999999999999999999H", "P1X"])
def test_a_time_beyond_the_calendar_is_an_incident(text: str) -> None:
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "t", event=timer(text)).end().flow("start", "t", "end")

    assert Case(drawing.process()).start().incidents() == [("t", "EXPRESSION_FAILED")]


@pytest.mark.parametrize("key", ["x" * 501, "a\0b"])
def test_a_correlation_key_that_no_store_can_look_up_is_an_incident(key: str) -> None:
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "m", event=message("paid", "k")).end().flow("start", "m", "end")

    assert Case(drawing.process()).start(k=key).incidents() == [("m", "EXPRESSION_FAILED")]


@pytest.mark.parametrize("key", ["x" * 501, "a\0b"])
def test_a_business_key_that_no_store_can_look_up_is_refused(key: str) -> None:
    case = Case(Drawing().start().end().flow("start", "end").process())

    with pytest.raises(IllegalInput) as refusal:
        case.give(i.Start(id="s", instance="i1", at=case.now, process="p", version=1, business_key=key))

    assert refusal.value.code == "BUSINESS_KEY"


def test_a_system_that_asks_for_more_than_a_month_of_patience_gets_a_month() -> None:
    case = Case(mapped()).start()

    case.reply("a", i.UnavailableOutcome(retry_after=1e306))

    assert next(iter(case.live.timers.values())).due == case.now + 30 * 86_400_000


def test_a_reply_that_could_not_be_handled_is_an_incident_at_its_step() -> None:
    case = Case(mapped()).start()

    case.give(i.Failed(id="failed:x", instance="i1", at=case.now, step=case.step("a"), reason="no luck"))
    assert case.incidents() == [("a", "CANNOT_BE_HANDLED")]
    case.retry("a")

    assert case.command("a").kind == "probe"


def test_a_timer_that_could_not_be_handled_is_armed_again_by_a_retry() -> None:
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "t", event=timer("PT1H")).end().flow("start", "t", "end")
    case = Case(drawing.process()).start()

    case.give(i.Failed(id="failed:x", instance="i1", at=case.now, step=None, reason="no luck"))
    case.retry("t")

    assert len(case.live.timers) == 1


def test_a_non_interrupting_message_boundary_event_takes_every_message() -> None:
    drawing = Drawing().start().service("a").end().add(Kind.USER_TASK, "u").end("e2")
    drawing.boundary("m", "a", message("changed"), interrupting=False).flow("start", "a", "end").flow("m", "u", "e2")
    case = Case(drawing.process()).start()

    case.message("changed")
    case.message("changed")

    assert case.open() == ["a", "u", "u"]


def test_a_repeating_timer_that_starts_in_the_past_fires_once_for_all_that_was_missed() -> None:
    from saga_coordinator.engine.process import TimerKind

    drawing = Drawing().start().service("a").end().add(Kind.USER_TASK, "u").end("e2")
    event = timer("R/2025-01-05T09:00:00Z/PT1H", TimerKind.CYCLE)
    drawing.boundary("t", "a", event, interrupting=False).flow("start", "a", "end").flow("t", "u", "e2")
    case = Case(drawing.process()).start()

    case.advance(2 * 3_600_000)

    assert case.open().count("u") == 3


def test_cancelling_with_undo_is_refused_after_the_point_of_no_return() -> None:
    from saga_coordinator.engine.process import StepClass

    drawing = Drawing().start().service("a", step_class=StepClass.PIVOT).service("b").end()
    case = Case(drawing.flow("start", "a", "b", "end").process()).start()
    case.complete("a")

    with pytest.raises(IllegalInput) as refusal:
        case.cancel()

    assert refusal.value.code == "PAST_PIVOT"


IDEMPOTENT = operation("sys.a", probe=False, safe_to_repeat=True)


def idempotent() -> Case:
    task = Task(operation=IDEMPOTENT)
    drawing = Drawing().start().add(Kind.SERVICE_TASK, "a", task=task).end().flow("start", "a", "end")
    case = Case(drawing.process()).start()
    case.reply("a", i.UnknownOutcome(reason="reset"))
    return case


def test_an_idempotent_step_that_may_have_been_applied_is_undone_when_it_is_cancelled_between_attempts() -> None:
    case = idempotent()

    case.cancel()

    assert case.command("a").operation == "sys.a-undo"


def test_an_idempotent_step_that_may_have_been_applied_is_undone_when_its_next_attempt_is_refused() -> None:
    case = idempotent()
    case.advance(1_000)

    case.reject("a")

    assert case.command("a").operation == "sys.a-undo"


def test_the_handler_of_an_effect_that_was_found_late_sees_that_effect() -> None:
    drawing = Drawing().start().service("a", handler="h").service("h", is_for_compensation=True).end()
    drawing.boundary("c", "a", EventDefinition(trigger=Trigger.COMPENSATE)).flow("start", "a", "end")
    case = Case(drawing.process()).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", i.ProbedOutcome(verdict="absent"))
    case.advance(1_000)
    case.complete("a", {"number": "GOOD"})

    case.answer(first, i.CompletedOutcome(output={"number": "ORPHAN"}))
    case.retry()

    assert case.live.variables(case.live.steps[case.step("h")].scope)["number"] == "ORPHAN"


def test_a_second_late_effect_is_undone_as_well() -> None:
    drawing = Drawing().start().service("a").service("b").end().flow("start", "a", "b", "end")
    case = Case(drawing.process()).start()
    first = []
    for element in ("a", "b"):
        first.append(case.command(element))
        case.reply(element, i.UnknownOutcome())
        case.reply(element, i.ProbedOutcome(verdict="absent"))
        case.advance(1_000)
        case.complete(element, {"doc": element})

    for command in first:
        case.answer(command, i.CompletedOutcome(output={"doc": "late"}))
    case.retry()
    case.complete("a")
    case.complete("b")

    assert case.live.status == "completed"
    assert sorted(case.undone()) == ["a", "b"]


def test_what_was_held_is_not_forgotten_when_a_person_completes_the_step() -> None:
    case = Case(mapped()).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", i.ProbedOutcome(verdict="absent"))
    case.advance(1_000)
    case.reply("a", i.AcceptedOutcome(reference="R2"))
    case.answer(first, i.CompletedOutcome(output={"doc": "A1"}))

    case.give(i.CompleteStep(id="c", instance="i1", at=case.now, step=case.step("a"), output={"doc": "A2"}))

    late = [fact for fact in case.facts if isinstance(fact, f.LateEffectFound)]
    assert [fact.element for fact in late] == ["a"]
