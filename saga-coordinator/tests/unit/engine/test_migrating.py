"""Going on in another version: what stands against it is told before anything changes."""

from pathlib import Path

import msgspec
import pytest

from saga_coordinator import bpmn
from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.migrating import problems
from saga_coordinator.engine.process import Process, StepClass
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, operation
from service_kit import expressions

FILES = Path(__file__).parents[2] / "scenarios" / "migrating"


def version(number: int) -> Process:
    xml = (FILES / f"order-{number}.bpmn").read_bytes()
    process = bpmn.parse(xml, catalogue=None, compile=expressions.compile, tolerant=True)
    return msgspec.structs.replace(process, version=number)


def waiting_at_b() -> Case:
    case = Case(version(1)).start()
    case.give(i.CompleteStep(id="a-done", instance="i1", at=case.now, step=case.step("a")))
    return case


def test_every_step_that_has_no_place_there_is_named() -> None:
    assert problems(version(2), waiting_at_b().live, {}) == ["b is open, and is not there"]


def test_an_undo_that_would_be_lost_is_named() -> None:
    against = problems(version(3), waiting_at_b().live, {"b": "approve"})

    assert against == ["a would not be undone any more: there is no un_a"]


def asking(operation_name: str, step_class: StepClass = StepClass.COMPENSATABLE) -> Process:
    return (
        Drawing()
        .start()
        .service("a", op=operation(operation_name), step_class=step_class)
        .end()
        .flow("start", "a", "end")
        .process()
    )


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (asking("sys.a"), []),
        (asking("sys.other"), ["a has asked sys for sys.a, and asks sys for sys.other there"]),
        (asking("sys.a", StepClass.READ), ["a would not be undone any more: it only reads there"]),
    ],
    ids=["the same", "another operation", "a read"],
)
def test_what_is_out_is_answered_and_undone_by_what_asked_it(there: Process, why: list[str]) -> None:
    case = Case(asking("sys.a")).start()
    assert problems(there, case.live, {}) == why

    case.reply("a", i.UnknownOutcome(reason="?"))
    assert problems(there, case.live, {}) == why


def test_a_step_whose_system_did_nothing_may_ask_another_there() -> None:
    case = Case(asking("sys.a")).start()
    case.reject("a")

    assert [why for why in problems(asking("sys.other"), case.live, {}) if "asked" in why] == []


def test_a_migration_that_is_refused_changes_nothing() -> None:
    case = waiting_at_b()
    before = msgspec.json.encode(case.live)
    case.process = version(3)

    with pytest.raises(IllegalInput, match="a would not be undone"):
        case.give(i.Migrate(id="m", instance="i1", at=case.now, version=3, elements={"b": "approve"}))

    assert msgspec.json.encode(case.live) == before


def test_an_instance_that_has_ended_is_not_migrated() -> None:
    case = waiting_at_b()
    case.give(i.CompleteStep(id="b-done", instance="i1", at=case.now, step=case.step("b")))

    assert problems(version(2), case.live, {}) == ["it is completed"]


def test_every_step_knows_its_version_from_then_on() -> None:
    case = waiting_at_b()
    case.process = version(2)

    case.give(i.Migrate(id="m", instance="i1", at=case.now, version=2, elements={"b": "approve"}))

    assert (case.live.version, case.open()) == (2, ["approve"])
