"""Semantic locks (DESIGN 7): first in, first out, visible, and past its patience an incident that names the holder."""

import pytest

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind, Lock, Process, Task
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, Formula, operation

MINUTE = 60_000


def locked(key: object = "so:1") -> Process:
    """Two service tasks; the first holds a lock."""
    task = Task(operation=operation("sys.a"), lock=Lock(Formula(lambda _: key), 10 * MINUTE))
    drawing = Drawing().start().add(Kind.SERVICE_TASK, "a", task=task).service("b").end()
    return drawing.flow("start", "a", "b", "end").process()


def granted(case: Case, element: str = "a") -> None:
    case.give(i.LocksGranted(id="granted", instance="i1", at=case.now, step=case.step(element)))


def names_of(case: Case, kind: type[f.LocksRequested] | type[f.LocksTaken] | type[f.LocksReleased]) -> list[list[str]]:
    return [fact.names for fact in case.facts if isinstance(fact, kind)]


def test_a_step_asks_for_its_locks_in_sorted_order_and_begins_when_it_has_them() -> None:
    case = Case(locked(["so:2", "so:1", "so:2"])).start()
    assert names_of(case, f.LocksRequested) == [["so:1", "so:2"]]
    assert case.live.status == "waiting"

    granted(case)

    assert case.command("a").operation == "sys.a"
    assert not case.live.timers


def test_locks_are_held_until_the_instance_ends() -> None:
    case = Case(locked()).start()
    granted(case)
    case.complete("a")
    assert names_of(case, f.LocksReleased) == []

    case.complete("b")

    assert names_of(case, f.LocksReleased) == [["so:1"]]
    assert case.live.locks == {}


def test_a_lock_is_given_up_when_the_effect_of_its_step_is_undone() -> None:
    case = Case(locked()).start()
    granted(case)
    case.complete("a")
    case.reject("b")
    assert names_of(case, f.LocksReleased) == []

    case.complete("a")

    assert names_of(case, f.LocksReleased) == [["so:1"]]


def test_every_step_asks_for_its_own_hold_and_gives_up_only_that() -> None:
    task = Task(operation=operation("sys.x"), lock=Lock(Formula(lambda _: "so:1")))
    drawing = Drawing().start().add(Kind.SERVICE_TASK, "a", task=task).add(Kind.SERVICE_TASK, "b", task=task).end()
    case = Case(drawing.flow("start", "a", "b", "end").process()).start()
    granted(case)
    case.complete("a")
    granted(case, "b")

    case.reject("b")
    case.complete("a")

    assert names_of(case, f.LocksRequested) == [["so:1"], ["so:1"]]
    assert names_of(case, f.LocksReleased) == [["so:1"], ["so:1"]]
    assert case.live.locks == {}


def test_past_its_patience_the_step_is_an_incident_that_names_the_holder() -> None:
    case = Case(locked()).start()
    case.give(i.LocksBusy(id="busy", instance="i1", at=case.now, step=case.step("a"), holders={"so:1": "i7"}))

    case.advance(10 * MINUTE)

    assert case.incidents() == [("a", "LOCK_TIMEOUT")]
    incident = case.live.steps[case.step("a")].incident
    assert incident is not None
    assert incident.message == "so:1 is held by i7"


def test_a_lock_that_is_granted_after_the_incident_settles_it() -> None:
    case = Case(locked()).start()
    case.advance(10 * MINUTE)

    granted(case)

    assert case.incidents() == []
    assert case.command("a").operation == "sys.a"


def test_a_retry_waits_once_more() -> None:
    case = Case(locked()).start()
    case.advance(10 * MINUTE)

    case.retry("a")
    assert case.live.status == "waiting"
    case.advance(10 * MINUTE)

    assert case.incidents() == [("a", "LOCK_TIMEOUT")]


def test_an_instance_that_stops_waiting_gives_up_its_place() -> None:
    case = Case(locked()).start()

    case.cancel()

    assert names_of(case, f.LocksReleased) == [["so:1"]]
    assert case.live.status == "compensated"


def test_a_grant_that_comes_too_late_changes_nothing() -> None:
    case = Case(locked()).start()
    step = case.step("a")
    case.cancel()

    decision = case.give(i.LocksGranted(id="late", instance="i1", at=case.now, step=step))

    assert decision.facts == []


@pytest.mark.parametrize("key", [None, "", [], ["so:1", 2], {"so": 1}])
def test_a_lock_without_a_name_is_an_incident(key: object) -> None:
    case = Case(locked(key)).start()

    assert case.incidents() == [("a", "EXPRESSION_FAILED")]
