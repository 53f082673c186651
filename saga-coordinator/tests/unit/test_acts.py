"""An act is done when what its row began has happened."""

from saga_coordinator.acts import begun
from saga_coordinator.engine import inputs as i
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import line


def test_a_cancel_is_done_when_the_instance_has_ended() -> None:
    # given
    case = Case(line("a", "b")).start()
    case.reply("a", i.CompletedOutcome())
    case.reply("b", i.AcceptedOutcome())
    cancel = i.Cancel(id="c", instance="i1", at=case.now, by="ann", reason="no")

    # when
    began = begun(cancel, case.give(cancel).facts)
    before = began.is_done(case.live), began.is_settled(case.live)
    case.reply("b", i.ProbedOutcome(verdict="absent"))
    while not case.live.ended:
        (step,) = case.live.steps.values()
        case.answer(step.sent, i.CompletedOutcome())

    # then
    assert before == (False, False)
    assert (began.is_done(case.live), began.nothing) == (True, False)


def test_a_retry_is_done_when_the_outcome_of_the_new_try_is_known() -> None:
    # given
    case = Case(line("a")).start()
    case.reply("a", i.UnknownOutcome(reason="reset"))
    case.reply("a", i.ProbedOutcome(verdict="several", documents=["1", "2"]))
    retry = i.Retry(id="r", instance="i1", at=case.now, step=case.step("a"), by="ann")

    # when
    began = begun(retry, case.give(retry).facts)
    before = began.is_done(case.live)
    case.reply("a", i.ProbedOutcome(verdict="several", documents=["1", "2"]))

    # then
    assert (before, began.is_done(case.live), case.live.status) == (False, True, "incident")


def test_an_act_that_begins_nothing_is_done_at_once() -> None:
    case = Case(line("a")).start()
    suspend = i.Suspend(id="s", instance="i1", at=case.now, by="ann")

    assert begun(suspend, case.give(suspend).facts).nothing
