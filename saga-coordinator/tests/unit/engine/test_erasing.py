"""What came from the outside can be erased from every input and fact, and the state is the same either way."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_coordinator.engine import IllegalInput, InstanceState, fold
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.erasing import IDENTIFIERS, KEPT, TEXTS, VALUES, erased
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.random_process import Sketch
from saga_coordinator.testing.world import World

seeds = st.integers(0, 2**32 - 1)
VOCABULARY = [*get_args(f.Fact), *get_args(i.Input), *get_args(i.Outcome), f.PlannedUndo]


@pytest.mark.parametrize("kind", VOCABULARY, ids=lambda kind: kind.__name__)
def test_every_field_is_either_kept_or_erased(kind: Any) -> None:
    for name in kind.__struct_fields__:
        assert [name in kinds for kinds in (VALUES, TEXTS, IDENTIFIERS, KEPT)].count(True) == 1, name


def test_what_a_reply_told_goes_and_that_it_came_stays() -> None:
    outcome = i.RejectedOutcome(code="DEBTS", message="Ada has debts", details={"who": "Ada"})
    reply = i.Reply(id="r", instance="i1", at=7, command="i1.2.1", step=2, attempt=1, outcome=outcome)

    left = erased(reply, identifiers=False)

    gone = i.RejectedOutcome(code="DEBTS", message="$erased", details={"$erased": True})
    assert left == msgspec.structs.replace(reply, outcome=gone)


def test_document_numbers_go_with_the_identifiers() -> None:
    fact = f.StepCompleted(step=2, element="a", order=1, output={"n": 1}, references={"salesOrder": "47"})

    assert erased(fact, identifiers=False).references == {"salesOrder": "47"}
    assert erased(fact, identifiers=True).references == {"salesOrder": "$erased"}


def test_why_an_operator_acted_stays() -> None:
    act = f.OperatorActed(action="cancel", by="key:ops", reason="withdrawn")

    assert erased(act, identifiers=True) == act


def test_an_instance_that_is_open_keeps_its_values() -> None:
    case = Case(Sketch(1).process()).start(who="Ada")

    with pytest.raises(IllegalInput, match="until it has ended"):
        case.give(i.Erase(id="e", instance=case.instance, at=case.now))


@given(seeds, seeds, st.booleans())
def test_erased_rows_tell_the_same_state_as_the_rows_before(
    process_seed: int, world_seed: int, identifiers: bool
) -> None:
    # given
    case = Case(Sketch(process_seed).process()).start(who="Ada")
    world = World(case, world_seed)
    world.drain()
    if not case.live.ended or case.live.incidents:
        return

    # when
    case.give(i.Erase(id="e", instance=case.instance, at=case.now, identifiers=identifiers))

    # then
    state = InstanceState(id=case.instance)
    for seq, row in enumerate(case.journal, 1):
        facts = [erased(fact, identifiers) for fact in msgspec.json.decode(row, type=list[f.Fact])]
        state = fold(state, facts, seq=seq, at=case.now)
    assert msgspec.json.encode(state) == msgspec.json.encode(msgspec.structs.replace(case.live, now=state.now))
    assert b"Ada" not in msgspec.json.encode(state)


def test_the_values_of_a_called_process_go_with_its_callers() -> None:
    # given
    case = Case(Sketch(1).process(), instance="root.2")
    start = i.Start(
        id="s", instance="root.2", at=case.now, process=case.process.id, version=1, parent="root", parent_step=2
    )
    case.give(start)
    World(case, 1, trouble=0.0).drain()
    assert case.live.ended

    # when
    with pytest.raises(IllegalInput, match="go with its caller's, root"):
        case.give(i.Erase(id="e1", instance=case.instance, at=case.now))
    case.give(i.Erase(id="e2", instance=case.instance, at=case.now, of="root"))

    # then
    assert case.live.erased


def test_how_many_items_there_were_stays() -> None:
    fact = f.RoundsPlanned(scope=2, total=2, values=["Ada", "Grace"])

    assert erased(fact, identifiers=False).values == [{"$erased": True}] * 2
