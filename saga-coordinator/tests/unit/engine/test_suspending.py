"""An instance is suspended as long as there is a cause; a command that was held back begins when it is released."""

import pytest

from saga_coordinator.engine import IllegalInput, open_commands
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.testing.case import MONDAY, Case
from saga_coordinator.testing.drawing import line


def suspend(case: Case, cause: str = "") -> int:
    """Suspend it; how many facts that is."""
    return len(case.give(i.Suspend(id=f"s{cause}", instance="i1", at=case.now, cause=cause, by="ann")).facts)


def resume(case: Case, cause: str | None = None) -> int:
    """Resume it; how many facts that is."""
    return len(case.give(i.Resume(id=f"r{cause}", instance="i1", at=case.now, cause=cause, by="ann")).facts)


def begun_suspended() -> Case:
    case = Case(line("a"))
    case.give(i.Start(id="s", instance="i1", at=case.now, process="p", version=1, suspended="whole-process"))
    return case


def test_an_instance_goes_on_when_its_last_cause_is_lifted() -> None:
    # given
    case = Case(line("a", "b")).start()
    suspend(case, "whole-process")
    suspend(case)
    case.reply("a", i.CompletedOutcome())

    # when
    resume(case, "whole-process")
    still = case.live.status, len(case.live.parked)
    resume(case, "")

    # then
    assert still == ("suspended", 1)
    assert (case.live.status, case.live.suspensions) == ("running", ())
    assert case.command("b").operation == "sys.b"


def test_a_person_who_resumes_lifts_every_cause() -> None:
    case = Case(line("a")).start()
    suspend(case, "whole-process")
    suspend(case)

    resume(case)

    assert (case.live.suspended, case.live.suspensions) == (False, ())


def test_whoever_suspends_many_hears_nothing_of_those_that_are_suspended_so_or_have_ended() -> None:
    case = Case(line("a")).start()
    suspend(case, "whole-process")

    assert suspend(case, "whole-process") == 0
    assert resume(case, "something-else") == 0
    resume(case)
    case.reply("a", i.CompletedOutcome())
    assert suspend(case, "whole-process") == 0


def test_a_person_hears_that_it_is_suspended_already() -> None:
    case = Case(line("a")).start()
    suspend(case)

    with pytest.raises(IllegalInput, match="suspended"):
        suspend(case)


def test_an_instance_that_begins_suspended_does_nothing_until_it_goes_on() -> None:
    case = begun_suspended()
    assert (case.live.status, case.live.steps) == ("suspended", {})

    resume(case, "whole-process")

    assert case.command("a").operation == "sys.a"


def test_a_cancelled_instance_is_not_suspended_any_more() -> None:
    case = begun_suspended()

    case.give(i.Cancel(id="c", instance="i1", at=case.now, by="ann", reason="no"))

    assert (case.live.status, case.live.suspensions) == ("compensated", ())


def test_a_child_that_is_suspended_ends_when_its_caller_wants_that() -> None:
    case = begun_suspended()

    case.give(i.ParentAsked(id="p", instance="i1", at=case.now, what="stop"))

    assert case.live.status == "cancelled"


def test_the_time_of_a_command_begins_when_it_is_released() -> None:
    # given
    case = Case(line("a")).start()
    command = case.command("a")
    case.now = MONDAY + 3_600_000

    # when
    case.give(i.CommandFreed(id="freed", instance="i1", at=case.now, step=command.step, command=command.command))

    # then nobody finds it late
    assert [sent.at for sent in open_commands(case.live)] == [case.now]
    nudged = case.give(i.Nudge(id="n", instance="i1", at=case.now + 1)).facts
    assert not [fact for fact in nudged if isinstance(fact, f.StepUnknown)]


def test_a_command_that_is_over_is_not_released() -> None:
    case = Case(line("a", "b")).start()
    command = case.command("a")
    case.reply("a", i.CompletedOutcome())

    freed = i.CommandFreed(id="freed", instance="i1", at=case.now, step=command.step, command=command.command)

    assert case.give(freed).facts == []
