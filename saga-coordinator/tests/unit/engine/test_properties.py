"""What holds for random processes, random truthful outcomes and random acts of operators.

`Case` itself checks on every turn that the journal, read back from its bytes, folds to the state that was decided,
and that deciding did not change the state it was given.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.random_process import Sketch
from saga_coordinator.testing.world import World

seeds = st.integers(0, 2**32 - 1)


def run(
    process_seed: int, world_seed: int, *, moves: int = 60, cancel: bool = False, operators: bool = False
) -> tuple[Case, World]:
    case = Case(Sketch(process_seed).process()).start()
    world = World(case, world_seed, operators=operators)
    for move in range(moves):
        if case.live.ended or not world.step():
            break
        if cancel and move == world_seed % 13 and case.live.stopping is None and case.live.status != "completed":
            case.cancel(undo=world_seed % 2 == 0)
    world.drain()
    return case, world


@given(seeds, seeds)
def test_every_run_ends_or_waits_for_something_that_has_a_name(process_seed: int, world_seed: int) -> None:
    case, _ = run(process_seed, world_seed)

    assert case.live.ended or case.live.incidents
    if case.live.ended:
        assert not case.live.steps
        assert not case.live.timers
        assert not case.live.subscriptions


@given(seeds, seeds, st.booleans())
def test_a_compensated_instance_leaves_no_effect_and_undoes_none_twice(
    process_seed: int, world_seed: int, cancel: bool
) -> None:
    case, world = run(process_seed, world_seed, cancel=cancel)

    assert all(undone <= 1 for undone in world.documents.values())
    if case.live.status == "compensated":
        assert all(undone == 1 for undone in world.documents.values())


@given(seeds, seeds)
def test_whatever_operators_do_a_run_ends_or_waits_and_undoes_nothing_twice(process_seed: int, world_seed: int) -> None:
    case, world = run(process_seed, world_seed, operators=True)

    joins = [step for step in case.live.steps.values() if step.waits_for == "tokens"]  # a token was moved away from it
    assert case.live.ended or case.live.incidents or joins
    assert all(undone <= 1 for undone in world.documents.values())
    if case.live.status == "compensated":
        assert all(undone == 1 for undone in world.documents.values())
    if case.live.ended:
        assert not any((case.live.steps, case.live.timers, case.live.subscriptions, case.live.parked))


@given(seeds, seeds)
def test_a_completed_instance_has_every_effect_once(process_seed: int, world_seed: int) -> None:
    case, world = run(process_seed, world_seed)

    if case.live.status == "completed":
        for documents in world.by_key.values():
            assert sum(world.documents[doc] == 0 for doc in documents) <= 1


@given(seeds, seeds)
def test_undo_is_the_exact_reverse_of_completion(process_seed: int, world_seed: int) -> None:
    case, _ = run(process_seed, world_seed)

    for walk in (fact for fact in case.facts if isinstance(fact, f.CompensationStarted)):
        assert walk.orders == sorted(walk.orders, reverse=True)
    undone = [fact.order for fact in case.facts if isinstance(fact, f.Undone)]
    assert len(undone) == len(set(undone))


@given(seeds, seeds, seeds)
def test_an_illegal_input_raises_and_changes_nothing(process_seed: int, world_seed: int, pick: int) -> None:
    case = Case(Sketch(process_seed).process()).start()
    world = World(case, world_seed)
    for _ in range(pick % 20):
        if case.live.ended or not world.step():
            break
    before = msgspec.json.encode(case.live)
    illegal: list[i.Input] = [
        i.CompleteStep(id="x", instance="i1", at=case.now, step=10_000),
        i.Cancel(id="x", instance="i1", at=case.now, expected_seq=case.live.seq + 1),
        i.ChooseFlows(id="x", instance="i1", at=case.now, step=10_000, flows=["f"]),
        i.Retry(id="x", instance="i1", at=case.now, step=10_000),
    ]

    with pytest.raises(IllegalInput):
        case.give(illegal[pick % len(illegal)])

    assert msgspec.json.encode(case.live) == before


@given(seeds, seeds)
def test_a_reply_given_again_under_another_id_changes_no_effect(process_seed: int, world_seed: int) -> None:
    case = Case(Sketch(process_seed).process()).start()
    world = World(case, world_seed, landings=False)
    given_replies: list[i.Reply] = []
    original = case.give

    def remember(input_: i.Input) -> object:
        if isinstance(input_, i.Reply):
            given_replies.append(input_)
        return original(input_)

    case.give = remember  # type: ignore[method-assign, assignment]  # the case is the test's own object
    for move in range(60):
        if case.live.ended or not world.step():
            break
        if given_replies and move % 3 == 0:
            again = given_replies[(world_seed + move) % len(given_replies)]
            if again.command not in case.live.absents:
                original(msgspec.structs.replace(again, id=f"again-{move}"))
    world.drain()

    assert all(undone <= 1 for undone in world.documents.values())
    if case.live.status == "compensated":
        assert all(undone == 1 for undone in world.documents.values())
