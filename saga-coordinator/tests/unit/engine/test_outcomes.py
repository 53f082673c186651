"""The five outcomes and the probe (DESIGN 6)."""

import pytest

from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import FieldMapping, Retry, StepClass
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, Formula, line, operation

ABSENT = i.ProbedOutcome(verdict="absent")
APPLIED = i.ProbedOutcome(verdict="applied", output={"number": "4500"})


def test_a_completed_step_hands_its_output_to_the_variables_and_the_next_step_starts() -> None:
    case = Case(line("a", "b")).start(kept=1)

    case.complete("a", {"number": "4500"})

    assert case.open() == ["b"]
    assert case.live.variables(1) == {"kept": 1, "number": "4500"}


def test_a_retry_keeps_the_hub_key_and_changes_the_command() -> None:
    case = Case(line("a")).start()
    first = case.command("a")

    case.reply("a", i.UnavailableOutcome(reason="connection refused"))
    case.advance(1_000)

    second = case.command("a")
    assert (second.hub_key, second.attempt) == (first.hub_key, 2)
    assert second.command != first.command


def test_an_unavailable_system_is_tried_again_after_the_wait_that_it_asked_for() -> None:
    case = Case(line("a")).start()

    case.reply("a", i.UnavailableOutcome(retry_after=90))

    case.advance(89_999)
    assert case.live.steps[case.step("a")].phase == "backoff"
    case.advance(1)
    assert case.command("a").attempt == 2


def test_waits_between_attempts_grow_up_to_the_ceiling() -> None:
    process = Drawing().start().service("a", retry=Retry(first=1_000, ceiling=4_000)).end()
    case = Case(process.flow("start", "a", "end").process()).start()
    waits = []

    for _ in range(5):
        case.reply("a", i.UnavailableOutcome())
        timer = next(iter(case.live.timers.values()))
        waits.append(timer.due - case.now)
        case.advance(waits[-1])

    assert all(0.8 * bound <= wait <= bound for wait, bound in zip(waits, [1e3, 2e3, 4e3, 4e3, 4e3], strict=True))


def test_exhausted_retries_become_an_incident_that_an_operator_can_retry() -> None:
    process = Drawing().start().service("a", retry=Retry(attempts=2)).end().flow("start", "a", "end").process()
    case = Case(process).start()

    case.reply("a", i.UnavailableOutcome())
    case.advance(1_000)
    case.reply("a", i.UnavailableOutcome(reason="still down"))

    assert case.live.status == "incident"
    assert case.incidents() == [("a", "RETRIES_EXHAUSTED")]
    case.retry("a")
    case.complete("a")
    assert case.live.status == "completed"


def test_an_unknown_outcome_is_probed_before_anything_else() -> None:
    case = Case(line("a")).start()
    executed = case.command("a")

    case.reply("a", i.UnknownOutcome(reason="connection reset"))

    probe = case.command("a")
    assert (probe.kind, probe.seals, probe.hub_key) == ("probe", executed.command, executed.hub_key)


def test_what_the_probe_found_completes_the_step() -> None:
    case = Case(line("a")).start()
    case.reply("a", i.UnknownOutcome())

    case.reply("a", APPLIED)

    assert case.live.status == "completed"
    assert case.live.variables(1) == {"number": "4500"}


def test_an_absent_probe_leads_to_another_attempt() -> None:
    case = Case(line("a")).start()
    case.reply("a", i.UnknownOutcome())

    case.reply("a", ABSENT)
    case.advance(1_000)

    assert (case.command("a").kind, case.command("a").attempt) == ("execute", 2)


def test_a_pending_probe_is_asked_again_until_it_knows() -> None:
    case = Case(line("a")).start()
    case.reply("a", i.UnknownOutcome())

    case.reply("a", i.ProbedOutcome(verdict="pending"))
    assert case.live.steps[case.step("a")].phase == "probe-wait"
    case.advance(1_000)

    assert case.command("a").command.endswith("p2")


def test_a_probe_that_cannot_reach_the_system_is_asked_again() -> None:
    case = Case(line("a")).start()
    case.reply("a", i.UnknownOutcome())

    case.reply("a", i.UnavailableOutcome(reason="down"))
    case.advance(1_000)

    assert case.command("a").kind == "probe"


def test_several_documents_under_one_key_are_an_incident() -> None:
    case = Case(line("a")).start()
    case.reply("a", i.UnknownOutcome())

    case.reply("a", i.ProbedOutcome(verdict="several", documents=["4711", "4712"]))

    assert case.incidents() == [("a", "SEVERAL_DOCUMENTS")]


@pytest.mark.parametrize(("happened", "expected"), [(True, "completed"), (False, "running")])
def test_without_a_probe_a_person_says_whether_it_happened(happened: bool, expected: str) -> None:
    drawing = Drawing().start().service("a", op=operation("sys.a", probe=False)).end()
    case = Case(drawing.flow("start", "a", "end").process()).start()
    case.reply("a", i.UnknownOutcome(reason="timeout"))
    assert case.incidents() == [("a", "UNKNOWN_OUTCOME")]

    case.retry("a", happened=happened)

    assert case.live.status == expected


def test_nobody_may_retry_an_unknown_outcome_without_saying_whether_it_happened() -> None:
    drawing = Drawing().start().service("a", op=operation("sys.a", probe=False)).end()
    case = Case(drawing.flow("start", "a", "end").process()).start()
    case.reply("a", i.UnknownOutcome(reason="timeout"))
    before = case.live

    with pytest.raises(IllegalInput, match="say whether it happened") as refusal:
        case.retry("a")

    assert refusal.value.code == "NEEDS_ANSWER"
    assert case.live == before


def test_an_unknown_read_is_simply_repeated() -> None:
    read = operation("sys.a", undo=False, reads=True, safe_to_repeat=True, probe=False)
    process = Drawing().start().service("a", op=read).end().flow("start", "a", "end").process()
    case = Case(process).start()

    case.reply("a", i.UnknownOutcome())
    case.advance(1_000)

    assert case.command("a").attempt == 2


def test_an_accepted_step_waits_for_its_result_however_long_it_takes() -> None:
    case = Case(line("a")).start()

    case.reply("a", i.AcceptedOutcome(reference="WF-1"))
    case.advance(90 * 24 * 3_600_000)
    case.give(i.Nudge(id="n", instance="i1", at=case.now))

    assert case.live.steps[case.step("a")].phase == "accepted"
    assert case.live.status == "waiting"
    command = case.live.steps[case.step("a")].sent
    case.answer(command, i.CompletedOutcome(output={"approved": True}))
    assert case.live.status == "completed"


def test_an_accepted_step_can_be_refused_later() -> None:
    case = Case(line("a", "b")).start()
    case.complete("a")
    case.reply("b", i.AcceptedOutcome(reference="WF-1"))

    case.reply("b", i.RejectedOutcome(code="NOT_APPROVED"))

    assert case.live.status == "compensating"


def test_no_reply_in_time_is_an_unknown_outcome() -> None:
    case = Case(line("a")).start()

    case.now += 29_000
    case.give(i.Nudge(id="n1", instance="i1", at=case.now))
    assert case.command("a").kind == "execute"
    case.now += 2_000
    case.give(i.Nudge(id="n2", instance="i1", at=case.now))

    assert case.command("a").kind == "probe"


def test_the_reply_that_was_missing_is_taken_while_the_probe_is_out() -> None:
    case = Case(line("a")).start()
    executed = case.command("a")
    case.now += 31_000
    case.give(i.Nudge(id="n", instance="i1", at=case.now))

    case.answer(executed, i.CompletedOutcome(output={"number": "1"}))

    assert case.live.status == "completed"


def test_a_reply_after_its_step_is_over_is_recorded_and_changes_nothing() -> None:
    case = Case(line("a", "b")).start()
    case.reply("a", i.UnknownOutcome())
    probe = case.command("a")
    case.answer(case.live.steps[case.step("a")].sent, i.CompletedOutcome())

    decision = case.answer(probe, APPLIED)

    assert [type(fact) for fact in decision.facts] == [f.ReplyIgnored]
    assert case.open() == ["b"]


def test_an_effect_that_a_probe_had_not_found_is_undone_when_it_turns_up() -> None:
    case = Case(line("a", "b")).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", ABSENT)
    case.advance(1_000)
    case.complete("a", {"number": "2"})

    case.answer(first, i.CompletedOutcome(output={"number": "1"}))

    assert case.open() == ["a", "b"]  # the undo of the first number, and b
    assert case.command("a").operation == "sys.a-undo"
    assert case.command("a").input["output"] == {"number": "1"}
    case.complete("a")
    case.complete("b")
    assert case.live.status == "completed"
    assert case.undone() == ["a"]


@pytest.mark.parametrize(
    "told_late",
    [
        i.CompletedOutcome(output={"number": "2"}),
        i.CompletedOutcome(output={"number": "2", "status": "open"}, references={"order": "2"}),
    ],
)
def test_a_late_reply_that_tells_of_the_document_that_completed_its_step_undoes_nothing(
    told_late: i.CompletedOutcome,
) -> None:
    case = Case(line("a", "b")).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", ABSENT)
    case.advance(1_000)
    case.complete("a", {"number": "2"}, **told_late.references)

    decision = case.answer(first, told_late)

    assert [type(fact) for fact in decision.facts] == [f.ReplyIgnored]
    assert case.open() == ["b"]


def test_the_same_document_told_of_in_other_words_is_not_one_too_many() -> None:
    case = Case(line("a", "b")).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", ABSENT)
    case.advance(1_000)
    case.answer(first, i.CompletedOutcome(output={"number": "1"}, references={"order": "1"}))

    case.reply("a", i.UnknownOutcome())
    case.reply("a", i.ProbedOutcome(verdict="applied", output={"found": True}, references={"order": "1"}))

    assert case.open() == ["b"]


def test_an_effect_that_turns_up_while_its_step_waits_to_be_tried_again_is_adopted() -> None:
    case = Case(line("a")).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", ABSENT)

    case.answer(first, i.CompletedOutcome(output={"number": "1"}))

    assert case.live.status == "completed"
    assert not case.live.timers


def test_an_effect_that_turns_up_after_the_end_reopens_the_instance_as_an_incident() -> None:
    case = Case(line("a")).start()
    first = case.command("a")
    case.reply("a", i.UnknownOutcome())
    case.reply("a", ABSENT)
    case.advance(1_000)
    case.complete("a")
    assert case.live.status == "completed"

    case.answer(first, i.CompletedOutcome(output={"number": "1"}))
    assert case.live.status == "incident"
    assert case.incidents() == [("a", "LATE_EFFECT")]
    case.retry("a")
    case.complete("a")

    assert case.live.status == "completed"
    assert case.undone() == ["a"]


def test_an_output_that_cannot_be_mapped_is_an_incident_and_its_effect_is_still_undone() -> None:
    def broken(data: object) -> object:
        raise ValueError("no such field")

    mapping = FieldMapping(target="x", source=Formula(broken, "number.of"))
    drawing = Drawing().start().service("a", outputs=(mapping,)).end().flow("start", "a", "end")
    case = Case(drawing.process()).start()

    case.complete("a")
    assert case.incidents() == [("a", "EXPRESSION_FAILED")]
    case.cancel()
    case.complete("a")

    assert case.live.status == "compensated"
    assert case.undone() == ["a"]


def test_a_retriable_step_that_is_refused_becomes_an_incident_and_nothing_is_undone() -> None:
    drawing = Drawing().start().service("a").service("b", step_class=StepClass.RETRIABLE).end()
    case = Case(drawing.flow("start", "a", "b", "end").process()).start()
    case.complete("a")

    case.reject("b", "LOCKED")

    assert case.incidents() == [("b", "LOCKED")]
    assert case.undone() == []
    case.retry("b")
    case.complete("b")
    assert case.live.status == "completed"


def test_a_deferred_command_is_not_missed_before_the_time_it_was_deferred_to() -> None:
    # given
    case = Case(line("a")).start()
    until = case.now + 8 * 3_600_000

    # when
    case.reply("a", i.DeferredOutcome(until=until, reason="maintenance of erp"))
    case.advance(8 * 3_600_000).give(i.Nudge(id="n:1", instance=case.instance, at=case.now))

    # then
    assert case.live.steps[case.step("a")].phase == "executing"
    case.advance(30_001).give(i.Nudge(id="n:2", instance=case.instance, at=case.now))
    assert case.command("a").kind == "probe"


def test_a_deferred_command_is_one_attempt_whose_outcome_counts() -> None:
    case = Case(line("a", "b")).start()

    case.reply("a", i.DeferredOutcome(until=case.now + 60_000))
    case.complete("a", {"number": "4500"})

    assert case.open() == ["b"]
    assert case.live.variables(1) == {"number": "4500"}


def test_that_a_command_is_deferred_tells_nothing_once_it_is_sealed() -> None:
    # given
    case = Case(line("a")).start()
    execute = case.command("a")
    case.reply("a", i.UnknownOutcome(reason="timeout"))

    # when
    case.answer(execute, i.DeferredOutcome(until=case.now + 60_000))

    # then
    assert case.command("a").kind == "probe"
    assert case.live.steps[case.step("a")].phase == "probing"


def test_nobody_is_deferred_for_ever() -> None:
    case = Case(line("a")).start()

    case.reply("a", i.DeferredOutcome(until=10**15))

    assert case.command("a").at == case.now + 30 * 86_400_000
